"""Waiting for network devices or for time to pass."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping

from monitors.calls.poll import Poll, PollResult
from replay.machine.errors import WaitInterrupted

_LONGEST_WAIT_NS = 3600 * 1_000_000_000
_NS_PER_S = 1_000_000_000


class Poller:
    """One epoll over all network descriptors and the descriptor that an operator's stop makes
    readable. ``descriptors`` maps handles to them."""

    def __init__(self, descriptors: Mapping[int, int], stop_fd: int | None = None) -> None:
        self._handle_of = {fd: handle for handle, fd in descriptors.items()}
        self._stop_fd = stop_fd
        self._epoll = select.epoll()
        for fd in self._handle_of:
            self._epoll.register(fd, select.EPOLLIN)
        if stop_fd is not None:
            self._epoll.register(stop_fd, select.EPOLLIN)

    def wait(self, call: Poll) -> PollResult:
        """The ready set; raises ``WaitInterrupted`` when the operator asked to stop."""
        deadline = time.monotonic_ns() + min(max(call.timeout_ns, 1), 1 << 63)
        while True:
            remaining = max(0, deadline - time.monotonic_ns())
            timeout_s = min(remaining, _LONGEST_WAIT_NS) / _NS_PER_S
            ready = [fd for fd, _ in self._epoll.poll(timeout_s, len(self._handle_of) + 1)]
            if self._stop_fd is not None and self._stop_fd in ready:
                raise WaitInterrupted("stopped by the operator")
            if ready or time.monotonic_ns() >= deadline:
                return PollResult(sum(1 << self._handle_of[fd] for fd in ready))
