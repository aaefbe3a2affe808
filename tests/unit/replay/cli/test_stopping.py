from __future__ import annotations

import os
import select
import signal
import threading
from pathlib import Path

import pytest

from replay.cli.stopping import Stopper

SIGNALS = [signal.SIGINT, signal.SIGTERM]
PATIENCE_S = 30


class FakeEngine:
    """Counts requests to stop; ``asked`` is set by the first, ``insisted`` by the third."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.insisted = threading.Event()
        self.requests = 0

    def interrupt(self) -> None:
        self.requests += 1
        self.asked.set()
        if self.requests >= 3:
            self.insisted.set()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_the_engine_until_it_listens(number: int) -> None:
    stopper, engine = Stopper(), FakeEngine()
    with stopper.watching(engine):
        os.kill(os.getpid(), number)
        assert engine.insisted.wait(PATIENCE_S)
    assert stopper.signal_number == number
    assert not stopper.timed_out
    assert stopper.asked
    assert stopper.reason == f"terminated by signal {int(number)}"


def test_a_signal_wakes_whoever_waits_on_the_descriptor() -> None:
    stopper, engine = Stopper(), FakeEngine()
    with stopper.watching(engine):
        assert not select.select((stopper.fd,), (), (), 0)[0]
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(2):  # and stays readable
            assert select.select((stopper.fd,), (), (), PATIENCE_S)[0] == [stopper.fd]


def test_the_second_signal_does_not_wait() -> None:
    stopper, engine = Stopper(), FakeEngine()
    with stopper.watching(engine):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_time_limit() -> None:
    stopper, engine = Stopper(0.01), FakeEngine()
    with stopper.watching(engine):
        assert engine.insisted.wait(PATIENCE_S)
    assert stopper.timed_out
    assert stopper.asked
    assert stopper.signal_number is None
    assert stopper.reason == "the time limit of 0.01 s has passed"


def test_a_time_limit_wakes_who_waits_for_the_descriptor() -> None:
    stopper, engine = Stopper(0.01), FakeEngine()
    with stopper.watching(engine):
        ready, _, _ = select.select((stopper.fd,), (), (), PATIENCE_S)
        assert ready
        assert stopper.timed_out


@pytest.mark.parametrize("timeout_s", [None, 1e9])
def test_nobody_asks(timeout_s: float | None) -> None:
    stopper, engine = Stopper(timeout_s), FakeEngine()
    with stopper.watching(engine):
        pass
    assert engine.requests == 0
    assert (stopper.signal_number, stopper.timed_out, stopper.asked) == (None, False, False)


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_everything_is_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    threads, descriptors = threading.active_count(), open_descriptors()

    def fail() -> None:
        with Stopper().watching(FakeEngine()):
            assert signal.getsignal(signal.SIGTERM) != before[1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert threading.active_count() == threads
    assert open_descriptors() == descriptors
    assert signal.set_wakeup_fd(-1) == -1
