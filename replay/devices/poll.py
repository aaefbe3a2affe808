"""Waiting for network devices or for time to pass."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping

from monitors.calls.poll import Poll, PollResult
from replay.devices.tap import Interface
from replay.machine.errors import DeviceFailure, WaitInterrupted

_LONGEST_WAIT_NS = 3600 * 1_000_000_000
_NS_PER_S = 1_000_000_000

_monotonic_ns = time.monotonic_ns


class Poller:
    """One epoll over all interfaces (by handle) and the descriptor that an operator's stop makes
    readable; level-triggered, so that a device is ready for as long as it has a frame."""

    def __init__(self, interfaces: Mapping[int, Interface], stop_fd: int | None = None) -> None:
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
        interface that is gone.
        """
        events = self._at_once(0, self._events_max)
        if events:
            return self._ready(events)
        deadline = _monotonic_ns() + call.timeout_ns
        while (remaining := deadline - _monotonic_ns()) > 0:
            self._sleep(min(remaining, _LONGEST_WAIT_NS))
            events = self._at_once(0, self._events_max)
            if events:
                return self._ready(events)
        return PollResult(0)

    def _sleep(self, duration_ns: int) -> None:
        # The epoll's own timeout counts in milliseconds, which makes short waits far too long.
        select.select((self._epoll,), (), (), duration_ns / _NS_PER_S)

    def _ready(self, events: list[tuple[int, int]]) -> PollResult:
        ready_set = 0
        for fd, mask in events:
            if fd == self._stop_fd:
                raise WaitInterrupted("stopped by the operator")
            handle = self._handle_of[fd]
            if mask & select.EPOLLERR:
                name = self._interfaces[handle].name
                raise DeviceFailure(f"interface {name} is gone: it was removed while in use")
            ready_set |= 1 << handle
        return PollResult(ready_set)
