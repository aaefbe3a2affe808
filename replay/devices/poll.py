"""Waiting for network devices, for a timer, or for time to pass."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping

from monitors.calls.lifecycle import DONE, Done
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from replay.devices.host_errors import HostErrorPolicy, ends_the_run
from replay.devices.tap import Interface
from replay.machine.errors import WaitInterrupted

_LONGEST_WAIT_NS = 3600 * 1_000_000_000
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000

_monotonic_ns = time.monotonic_ns


class Poller:
    """One epoll over all interfaces (by handle) and the descriptor that an operator's stop makes
    readable; level-triggered, so that a device is ready for as long as it has a frame.

    ``timer_ns`` is when the guest's timer fires, or 0; it has fired from then on, until it is set
    again. Times are CLOCK_MONOTONIC. A wait that was interrupted goes on when it is asked for
    again, and ends when it would have ended.
    """

    def __init__(
        self,
        interfaces: Mapping[int, Interface],
        stop_fd: int | None = None,
        on_error: HostErrorPolicy = ends_the_run,
    ) -> None:
        self.timer_ns = 0
        self._unfinished_ns: int | None = None
        self._on_error = on_error
        self._handle_of = {interface.fd: handle for handle, interface in interfaces.items()}
        self._interfaces = interfaces
        self._stop_fd = stop_fd
        self._epoll = select.epoll()
        self._at_once = self._epoll.poll
        self._events_max = len(self._handle_of) + 1
        for fd in self._handle_of:
            self._epoll.register(fd, select.EPOLLIN)
        if stop_fd is not None:
            self._epoll.register(stop_fd, select.EPOLLIN)

    def wait(self, call: Poll) -> PollResult:
        """The ready set; empty when the time has passed.

        Raises ``WaitInterrupted`` when the operator asked to stop, and ``DeviceFailure`` for an
        interface that is gone, where that ends a run.
        """
        events = self._at_once(0, self._events_max)
        if events:
            ready_set = self._ready(events)
        else:
            ready_set = self._ready_until(self._deadline(call.timeout_ns))
        self._unfinished_ns = None
        return PollResult(ready_set)

    def set_timer(self, call: SetTimer) -> Done:
        """Set the timer anew, or stop it."""
        self.timer_ns = call.at_ns
        return DONE

    def wait_ready(self, call: WaitReady) -> ReadySet:
        """The ready set, and whether the timer has fired; neither when the time passed first.

        Raises as ``wait``.
        """
        events = self._at_once(0, self._events_max)
        if events or self._has_fired():
            ready_set = self._ready(events)
        else:
            ready_set = self._ready_until(self._first_deadline(call.timeout_ms))
        self._unfinished_ns = None
        return ReadySet(ready_set, self._has_fired())

    def _first_deadline(self, timeout_ms: int) -> int | None:
        deadlines = [self.timer_ns] if self.timer_ns else []
        if timeout_ms >= 0:
            deadlines.append(self._deadline(timeout_ms * _NS_PER_MS))
        return min(deadlines, default=None)

    def _deadline(self, duration_ns: int) -> int:
        if self._unfinished_ns is None:
            self._unfinished_ns = _monotonic_ns() + duration_ns
        return self._unfinished_ns

    def _has_fired(self) -> bool:
        return 0 < self.timer_ns <= _monotonic_ns()

    def _ready_until(self, deadline_ns: int | None) -> int:
        """The first ready set that is not empty, or 0 at the deadline, if there is one."""
        while (remaining := _until(deadline_ns)) > 0:
            self._sleep(min(remaining, _LONGEST_WAIT_NS))
            events = self._at_once(0, self._events_max)
            if events:
                return self._ready(events)
        return 0

    def _sleep(self, duration_ns: int) -> None:
        # The epoll's own timeout counts in milliseconds, which makes short waits far too long.
        select.select((self._epoll,), (), (), duration_ns / _NS_PER_S)

    def _ready(self, events: list[tuple[int, int]]) -> int:
        ready_set = 0
        for fd, mask in events:
            if fd == self._stop_fd:
                raise WaitInterrupted("stopped by the operator")
            handle = self._handle_of[fd]
            if mask & select.EPOLLERR:
                name = self._interfaces[handle].name
                self._on_error(f"interface {name} is gone: it was removed while in use")
            ready_set |= 1 << handle
        return ready_set


def _until(deadline_ns: int | None) -> int:
    return _LONGEST_WAIT_NS if deadline_ns is None else deadline_ns - _monotonic_ns()
