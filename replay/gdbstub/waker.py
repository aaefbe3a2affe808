"""A guest that waits for the host can be stopped by its debugger, and then goes on waiting."""

from __future__ import annotations

import contextlib
import select
import socket

from monitors.calls import Call, Result
from replay.machine.ports import Source


class Waker:
    """Interrupts waits. ``fd`` becomes readable for devices that wait, when somebody calls ``wake``
    or when ``other_fd`` becomes readable. Close it when done."""

    def __init__(self, other_fd: int) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._both = select.epoll()
        self._both.register(self._read, select.EPOLLIN)
        self._both.register(other_fd, select.EPOLLIN)

    @property
    def fd(self) -> int:
        """For devices that wait."""
        return self._both.fileno()

    def wake(self) -> None:
        """Interrupt a wait, or the next one; from any thread."""
        with contextlib.suppress(OSError):  # it is full, or closed: nobody waits any more
            self._write.send(b"!")

    def clear(self) -> bool:
        """Whether somebody has called ``wake`` since the last time."""
        try:
            return bool(self._read.recv(1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Give the descriptors back."""
        for each in (self._both, self._read, self._write):
            each.close()


class KeepsDevices:
    """A source that leaves its devices to no lane, where nobody could interrupt a wait."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``."""
        return self._source.answer(call)
