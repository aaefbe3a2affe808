"""Locks on image files: two guests must never change one image, nor one see the other's changes.

A recording could not be trusted otherwise: what a trace calls known must stay as it was. Locks are
advisory (flock), so they stop other recordings and everybody else who takes them.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

from replay.machine.errors import DeviceFailure


def lock_for_writing(fd: int, path: Path) -> None:
    """Nobody else may hold a lock on the file until ``fd`` is closed; raises ``DeviceFailure``."""
    _lock(fd, path, fcntl.LOCK_EX)


def lock_for_reading(fd: int, path: Path) -> None:
    """Others may read too, and nobody write, until ``fd`` is closed; raises ``DeviceFailure``."""
    _lock(fd, path, fcntl.LOCK_SH)


def _lock(fd: int, path: Path, kind: int) -> None:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DeviceFailure(
            f"{path} is locked: another device or program uses it; wait for that to end, or give "
            "each its own copy (with --block-overlay any number can read one image)"
        ) from error
    except OSError as error:
        raise DeviceFailure(
            f"cannot lock {path}: {error.strerror}; copy it to a file system that has locks"
        ) from error
