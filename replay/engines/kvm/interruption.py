"""Getting a thread out of KVM_RUN from another one, without a signal handler.

The signal is blocked for the thread and open only inside KVM_RUN (KVM_SET_SIGNAL_MASK), so it does
nothing but end that. A flag in the shared page ends the next entry, should the signal be too early.
"""

from __future__ import annotations

import signal
import threading

from replay.engines.kvm import api
from replay.engines.kvm.vcpu import VirtualProcessor

SIGNAL = signal.SIGRTMIN + 7


class Interruption:
    """``request`` may come from any thread at any time; the rest belongs to the one that runs,
    which says in ``inside`` whether it is in KVM_RUN."""

    def __init__(self, vcpu: VirtualProcessor) -> None:
        self._vcpu = vcpu
        self.thread: int | None = None
        self._was_blocked = True
        self._lock = threading.Lock()
        self._closed = False
        self.requested = False
        self.inside = False

    def request(self) -> None:
        """End the present run, or the next one."""
        with self._lock:
            self.requested = True
            if self._closed:
                return
            self._vcpu.page[api.IMMEDIATE_EXIT_AT] = 1
            if self.thread is not None and self.inside:
                signal.pthread_kill(self.thread, SIGNAL)

    def watch_this_thread(self) -> None:
        """This thread is the one to be interrupted."""
        thread = threading.get_ident()
        if thread == self.thread:
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (SIGNAL,))
        self._was_blocked = SIGNAL in before
        inside = sum(1 << number - 1 for number in before if number != SIGNAL)
        self._vcpu.set_signals(inside)
        with self._lock:
            self.thread = thread

    def swallow(self) -> None:
        """Take a signal that has done its work."""
        _swallow()

    def acknowledge(self) -> bool:
        """Whether somebody has asked; the request is done with."""
        with self._lock:
            self._vcpu.page[api.IMMEDIATE_EXIT_AT] = 0
            _swallow()
            requested, self.requested = self.requested, False
            return requested

    def close(self) -> None:
        """Nobody runs any more."""
        with self._lock:
            self._closed = True
            is_here = self.thread == threading.get_ident()
            self.thread = None
        if is_here:
            _swallow()
            if not self._was_blocked:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, (SIGNAL,))


def _swallow() -> None:
    """Without waiting: a signal of a deleted timer may be pending and never come."""
    while signal.sigtimedwait((SIGNAL,), 0) is not None:
        pass
