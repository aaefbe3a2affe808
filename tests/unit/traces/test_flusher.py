from __future__ import annotations

import threading

from traces.flusher import Flusher

PATIENCE_S = 30.0


def test_flushes_when_notified_and_again_until_nothing_is_due() -> None:
    waits = iter([0.0, 0.001, None])
    done = threading.Event()
    seen: list[float | None] = []

    def flush_due() -> float | None:
        wait_s = next(waits)
        seen.append(wait_s)
        if wait_s is None:
            done.set()
        return wait_s

    flusher = Flusher(flush_due)
    flusher.notify()
    assert done.wait(PATIENCE_S)
    flusher.stop()
    assert seen == [0.0, 0.001, None]


def test_sleeps_while_nothing_is_pending() -> None:
    calls: list[int] = []

    def flush_due() -> None:
        calls.append(1)

    flusher = Flusher(flush_due)
    flusher.stop()
    assert calls == []


def test_stop_does_not_wait_for_what_is_due_later() -> None:
    called = threading.Event()

    def flush_due() -> float:
        called.set()
        return 3600.0

    flusher = Flusher(flush_due)
    flusher.notify()
    assert called.wait(PATIENCE_S)
    flusher.stop()
    assert not any(thread.name == "trace-flusher" for thread in threading.enumerate())
