"""The guest's ELF file for clients without one: the only file that ``vFile`` gives."""

from __future__ import annotations

import re
from collections.abc import Callable

from replay.gdbstub.protocol.commands import CloseFile, OpenFile, OtherFile, ReadFile, StatFile
from replay.gdbstub.protocol.framing import PACKET_BYTES_MAX
from replay.gdbstub.protocol.replies import (
    EMPTY,
    NO_DESCRIPTOR,
    NO_FILE,
    READ_ONLY,
    file_data,
    file_opened,
    file_status,
)

FileCommand = OpenFile | ReadFile | StatFile | CloseFile | OtherFile

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")
_DESCRIPTOR = 3
_WRITING = 0x3
_ABSENT = ("readlink", "stat", "lstat")
_FORBIDDEN = ("pwrite", "unlink")


class GuestFile:
    """One file at one path, which can be opened as often as one likes; ``read`` gets its bytes."""

    def __init__(self, name: str, read: Callable[[], bytes | None]) -> None:
        self._read = read
        self._data: bytes | None = None
        self.path = f"/{_UNSAFE.sub('_', name.rpartition('/')[2]) or 'guest'}"

    @property
    def data(self) -> bytes | None:
        """The whole file; None where nobody has it."""
        if self._data is None:
            self._data = self._read()
        return self._data

    def answer(self, command: FileCommand) -> bytes:
        """The reply to one operation."""
        match command:
            case OpenFile(name, flags):
                return self._open(name, flags)
            case OtherFile(operation):
                return _other(operation)
            case _ if command.fd != _DESCRIPTOR or self.data is None:
                return NO_DESCRIPTOR
            case ReadFile(_, size, offset):
                wanted = min(size, PACKET_BYTES_MAX)
                return file_data(self.data[offset : offset + wanted], PACKET_BYTES_MAX)
            case StatFile():
                return file_status(len(self.data))
            case CloseFile():
                return file_opened(0)

    def _open(self, name: str, flags: int) -> bytes:
        if name != self.path or self.data is None:
            return NO_FILE
        return READ_ONLY if flags & _WRITING else file_opened(_DESCRIPTOR)


def _other(operation: str) -> bytes:
    if operation == "setfs":
        return file_opened(0)
    if operation in _FORBIDDEN:
        return READ_ONLY
    return NO_FILE if operation in _ABSENT else EMPTY
