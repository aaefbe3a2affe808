"""The guest's console on a file descriptor of the host."""

from __future__ import annotations

import os
import select

from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Done
from replay.machine.errors import DeviceFailure

STDOUT = 1


class Console:
    """Writes guest bytes unchanged and at once."""

    def __init__(self, fd: int = STDOUT) -> None:
        self.fd = fd

    def write(self, call: ConsoleWrite) -> Done:
        """All bytes, however the descriptor takes them."""
        write_fully(self.fd, call.data)
        return DONE


def write_fully(fd: int, data: bytes) -> None:
    """Write ``data`` to ``fd``, waiting where it does not block; raises ``DeviceFailure``."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select((), (fd,), ())
        except OSError as error:
            raise DeviceFailure(f"cannot write to the console: {error.strerror}") from error
