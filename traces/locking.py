"""The lock by which others know that a trace is still being written.

It is an open file description lock of Linux (fcntl(2), F_OFD_SETLK) over the whole file, for
writing. It binds nobody, ends with the descriptor however its process ends, and can be asked for
without being taken. Where the file system has no such locks, a trace looks as if nobody wrote it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct

_FLOCK = struct.Struct("@hhqqi0q")
"""``struct flock``: type, whence, start, length (0: to the end, however far), process (0)."""


def lock_as_writer(descriptor: int) -> None:
    """Take the lock, for as long as the file stays open."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))


def has_writer(descriptor: int) -> bool:
    """Whether somebody else has the lock."""
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_RDLCK))
    except OSError:
        return False
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def _whole_file(kind: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)
