"""Ctrl-C, SIGTERM and time limits: a guest is asked to stop and the trace is still finished."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

_REPEAT_S = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruptible(Protocol):
    """A machine, or an engine alone."""

    def interrupt(self) -> None:
        """See ``replay.engines.ports.Engine``."""
        ...


class Stopper:
    """Knows whether the operator asked to stop; ``fd`` becomes readable the moment that happens.

    The C level of Python's signal handling writes to ``fd``'s other end, so this works while an
    engine runs guest code for minutes without returning to Python.
    """

    def __init__(self, timeout_s: float | None = None) -> None:
        self.signal_number: int | None = None
        self.timed_out = False
        self._timeout_s = timeout_s
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._done = threading.Event()

    @property
    def fd(self) -> int:
        """For devices that wait."""
        return self._read.fileno()

    @property
    def asked(self) -> bool:
        """Whether the guest is to stop."""
        return self.timed_out or self.signal_number is not None

    @property
    def reason(self) -> str:
        """Why the guest was stopped."""
        if self.timed_out:
            return f"the time limit of {self._timeout_s:g} s has passed"
        return f"terminated by signal {self.signal_number}"

    @contextlib.contextmanager
    def watching(self, machine: Interruptible) -> Iterator[None]:
        """While inside, a stop request interrupts ``machine``; afterwards ``fd`` is closed."""
        previous = [signal.signal(number, self._on_signal) for number in _SIGNALS]
        wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=self._watch, args=(machine,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            signal.set_wakeup_fd(wakeup)
            for number, handler in zip(_SIGNALS, previous, strict=True):
                signal.signal(number, handler)
            self._write.send(b"\0")
            thread.join()
            self._read.close()
            self._write.close()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None:
            raise KeyboardInterrupt  # asked twice: do not wait for the guest any longer
        self.signal_number = number

    def _watch(self, machine: Interruptible) -> None:
        ready, _, _ = select.select((self._read,), (), (), self._timeout_s)
        self.timed_out = not ready
        if self.timed_out:
            self._write.send(b"\0")  # for devices that wait
        while not self._done.wait(_REPEAT_S if ready else 0):
            ready = [self._read]
            machine.interrupt()
