"""A guest that waits for the host can be stopped by its debugger: it wakes up early, with nothing
ready, and that is what is recorded."""

from __future__ import annotations

import contextlib
import select
import socket

from monitors.calls import Call, Result
from monitors.calls.poll import Poll, PollResult, ReadySet, WaitReady
from replay.machine.errors import WaitInterrupted
from replay.machine.ports import Source


class Waker:
    """Ends waits. ``fd`` becomes readable for devices that wait, when somebody calls ``wake`` or
    when ``other_fd`` becomes readable. Close it when done."""

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
        """End a wait, or the next one; from any thread."""
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


class WakesEarly:
    """A source whose waits end when ``waker`` is used."""

    def __init__(self, source: Source, waker: Waker) -> None:
        self._source = source
        self._waker = waker

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``."""
        try:
            return self._source.answer(call)
        except WaitInterrupted:
            if not self._waker.clear():
                raise
        return _nothing_ready(call)


def _nothing_ready(call: Call) -> Result:
    match call:
        case Poll():
            return PollResult(ready_set=0)
        case WaitReady():
            return ReadySet(ready_set=0, timer_fired=False)
    raise AssertionError(f"{type(call).__name__} does not wait")
