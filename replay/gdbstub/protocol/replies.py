"""Answers as the bytes in their packets. Source: "Debugging with GDB", appendix E.2, E.3, E.13."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence

from replay.gdbstub.protocol.framing import frame_length

OK = b"OK"
EMPTY = b""
"""What was asked is not known here."""

NO_MEMORY = b"E01"
"""For ``m`` and ``qRcmd``, where gdb understands errors by number only."""

_OUTPUT_BYTES_MAX = 8192
_HEAD_BYTES_MAX = 16  # of a reply with a file's data
_ENOENT, _EBADF, _EACCES = 2, 9, 13
# struct stat of appendix E.13.9.4: big-endian; dev ino mode nlink uid gid rdev,
# size blksize blocks, atime mtime ctime.
_STAT = struct.Struct(">7I3Q3I")
_READ_ONLY_FILE = 0o100444
_STAT_BLOCK_BYTES = 512


class Signal(enum.IntEnum):
    """gdb's own numbers (include/gdb/signals.def)."""

    INT = 2
    ILL = 4
    TRAP = 5
    ABRT = 6
    FPE = 8
    BUS = 10
    SEGV = 11
    SYS = 12


def error(text: str) -> bytes:
    """An error in words; gdb prints them behind what it was doing."""
    return f"E.{' '.join(text.split())}".encode("utf-8", "replace")


def stopped(signal: Signal, fields: Sequence[tuple[str, str]]) -> bytes:
    """A stop reply; ``fields`` are register numbers and reasons with their values."""
    tail = "".join(f"{name}:{value};" for name, value in fields)
    return f"T{signal:02x}{tail}".encode()


def exited(status: int) -> bytes:
    """There is no guest any more."""
    return b"W%02x" % (status & 0xFF)


def ended(signal: Signal) -> bytes:
    """There is no guest any more, and a signal has ended it."""
    return b"X%02x" % signal


def output(text: str) -> list[bytes]:
    """Text for the client's console, in as many packets as it takes."""
    data = text.encode("utf-8", "replace")
    return [
        b"O" + data[at : at + _OUTPUT_BYTES_MAX].hex().encode()
        for at in range(0, len(data), _OUTPUT_BYTES_MAX)
    ]


def part(data: bytes, offset: int, size: int) -> bytes:
    """A piece of an object for ``qXfer``: ``l`` at its end, ``m`` before."""
    piece = data[offset : offset + size]
    return (b"l" if offset + len(piece) >= len(data) else b"m") + piece


def file_opened(fd: int) -> bytes:
    """A descriptor, or 0 for what needs none."""
    return b"F%x" % fd


def file_data(data: bytes, limit: int) -> bytes:
    """Bytes of a file, as many as fit into a packet of ``limit`` bytes."""
    room = limit - _HEAD_BYTES_MAX
    data = data[:room]
    while (excess := frame_length(data) - room) > 0:
        data = data[: len(data) - (excess + 1) // 2]  # each byte takes one or two
    return b"F%x;" % len(data) + data


def file_status(size: int) -> bytes:
    """The ``struct stat`` of a regular file that can be read and has ``size`` bytes."""
    blocks = -(-size // _STAT_BLOCK_BYTES)
    data = _STAT.pack(0, 1, _READ_ONLY_FILE, 1, 0, 0, 0, size, _STAT_BLOCK_BYTES, blocks, 0, 0, 0)
    return b"F%x;" % len(data) + data


NO_FILE = b"F-1,%x" % _ENOENT
NO_DESCRIPTOR = b"F-1,%x" % _EBADF
READ_ONLY = b"F-1,%x" % _EACCES
