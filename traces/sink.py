"""Where a trace is written: one whole block at a time, in one system call where the host allows."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from traces.errors import TraceExists, TraceWriteError
from traces.locking import lock_as_writer


class BinaryFile(Protocol):
    """Any object that takes bytes and says how many it took."""

    def write(self, data: bytes, /) -> int | None: ...


class Sink(Protocol):
    """An append-only file; ``size_bytes`` counts what was stored whole."""

    size_bytes: int
    name: str

    def write(self, data: bytes) -> None:
        """Append all of ``data`` or raise TraceWriteError."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...

    def discard(self) -> None:
        """Close a file that never became a trace, and leave nothing behind where possible."""
        ...


class FileSink:
    """A new file, without any buffer of our own, and locked as one that is being written."""

    def __init__(self, path: Path | str) -> None:
        """Creates ``path``; raises TraceExists or TraceWriteError."""
        self.name = os.fspath(path)
        self.size_bytes = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._fd = os.open(self.name, flags, 0o666)
        except FileExistsError as error:
            raise TraceExists(
                "exists, and a trace is never overwritten",
                path=self.name,
                hint="give another name or remove the file",
            ) from error
        except (OSError, ValueError) as error:
            raise _unwritable(self.name, error) from error
        lock_as_writer(self._fd)

    def write(self, data: bytes) -> None:
        """Append all of ``data``; on failure the file is cut back to its last whole block."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size_bytes)
            raise _unwritable(self.name, error) from error
        self.size_bytes += len(data)

    def close(self) -> None:
        """Close the file; a failure of that is none of the trace's content."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        """Close and remove the file."""
        self.close()
        with contextlib.suppress(OSError):
            Path(self.name).unlink()


class ObjectSink:
    """Somebody else's binary file, from its present position; it is left open."""

    def __init__(self, file: BinaryFile) -> None:
        self.name = str(getattr(file, "name", "the given file"))
        self.size_bytes = 0
        self._file = file

    def write(self, data: bytes) -> None:
        """Append all of ``data``."""
        rest = memoryview(data)
        try:
            while rest:
                taken = self._file.write(bytes(rest))
                rest = rest[len(rest) if taken is None else taken :]
        except (OSError, ValueError) as error:
            raise _unwritable(self.name, error) from error
        self.size_bytes += len(data)

    def close(self) -> None:
        """Nothing: the file is its owner's to close."""

    def discard(self) -> None:
        """Nothing: the file is its owner's to remove."""


def open_sink(target: Path | str | BinaryFile) -> Sink:
    """A sink for a path (created, never overwritten) or an open binary file."""
    return FileSink(target) if isinstance(target, Path | str) else ObjectSink(target)


def _unwritable(name: str, error: Exception) -> TraceWriteError:
    why = getattr(error, "strerror", None) or error
    return TraceWriteError(
        f"the trace cannot be written ({why})",
        path=name,
        hint="what was written before stays valid; make room or choose another place",
    )
