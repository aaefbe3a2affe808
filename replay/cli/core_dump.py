"""Core files on the host's disk: for ``solo5-record --dumpcore`` and ``solo5-replay --core``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from replay.cli.messages import say

if TYPE_CHECKING:
    from replay.machine.machine import Machine

CORE_STATUS = 255
"""The exit status with which a guest aborts (solo5.h, SOLO5_EXIT_ABORT)."""


def check_core_folder(folder: Path) -> None:
    """Raise OSError for a folder in which no core file could be made."""
    entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.close(entries)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(0, "core files cannot be written there", os.fspath(folder))


def dump_core_into(folder: Path, machine: Machine, cookie: bytes) -> None:
    """Make ``core.solo5-hvt.PID`` in ``folder``, and say so; a failure is a warning."""
    path = folder / f"core.solo5-hvt.{os.getpid()}"
    try:
        dump_core("solo5-record", path, machine, cookie)
    except OSError as error:
        say("solo5-record", f"warning: no core in {path}: {error.strerror}")


def dump_core(program: str, path: Path, machine: Machine, cookie: bytes) -> None:
    """Make a core file (mode 0600) that must not exist yet, and say so.

    Raises OSError, and leaves no half a file behind.
    """
    from replay.export.core import write_core

    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            pages = write_core(file, machine, cookie)
    except OSError:
        path.unlink()
        raise
    say(program, f"{pages.written} of {pages.total} pages of memory are in use; core in {path}")
