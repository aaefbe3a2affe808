from __future__ import annotations

import signal
import threading

import pytest

from replay.engines.kvm import deadline as timers
from replay.engines.kvm.deadline import deadline
from replay.engines.kvm.interruption import SIGNAL

PATIENCE_S = 60


def in_a_thread(action: object) -> None:
    """Run it where the signal can be blocked, and let nothing of that stay."""
    thread = threading.Thread(target=action)  # type: ignore[arg-type]
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_the_thread_gets_its_signal_when_time_is_up() -> None:
    received: list[object] = []

    def wait() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (SIGNAL,))
        with deadline(0.001):
            received.append(signal.sigtimedwait((SIGNAL,), PATIENCE_S))

    in_a_thread(wait)
    assert received[0] is not None


def test_nothing_comes_behind() -> None:
    received: list[object] = []

    def pass_by() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, (SIGNAL,))
        with deadline(PATIENCE_S):
            pass
        received.append(signal.sigtimedwait((SIGNAL,), 0))

    in_a_thread(pass_by)
    assert received == [None]


def test_a_host_without_such_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_CLOCK_MONOTONIC", 999)
    with pytest.raises(OSError, match="Invalid argument"), deadline(1):
        pass
