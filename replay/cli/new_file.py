"""Files that a program makes: never over another one, and whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_BUFFER_BYTES = 1 << 20


class NewFile:
    """A file that is being made; it goes away again unless it is to be kept."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.is_kept = False

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self.stream.write(data)

    def keep(self) -> None:
        """It is whole."""
        self.stream.flush()
        self.is_kept = True


@contextmanager
def new_file(path: Path | None, *, mode: int = 0o666) -> Iterator[NewFile]:
    """A file to be made at ``path``, where nothing may be yet; standard output for None.

    Raises OSError, FileExistsError among them.
    """
    if path is None:
        file = NewFile(sys.stdout.buffer)
        yield file
        file.stream.flush()
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    kept = False
    try:
        with os.fdopen(fd, "wb", buffering=_BUFFER_BYTES) as stream:
            file = NewFile(stream)
            yield file
        kept = file.is_kept
    finally:
        if not kept:
            path.unlink(missing_ok=True)
