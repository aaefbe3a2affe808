"""The thread that owns the timeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from replay.player.errors import PlayerError
from replay.player.stops import Direction, Wanted, Why
from replay.tui.explorer import Explorer
from replay.tui.navigator import Navigator
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.conftest import exploring
from traces.reader import Trace

LONG_S = 60


@pytest.fixture
def navigator(trace: Trace, everything: Journey) -> Iterator[Navigator]:
    found = Navigator(lambda _: exploring(trace, everything.path.parent))
    yield found
    found.close()


def test_jobs_are_done_in_their_order_by_one_thread(navigator: Navigator) -> None:
    done: list[tuple[int, str]] = []

    def job(number: int) -> None:
        done.append((number, threading.current_thread().name))

    futures = [navigator.submit(lambda _, n=number: job(n)) for number in range(20)]
    for future in futures:
        future.result(LONG_S)
    assert done == [(number, "navigator") for number in range(20)]
    assert not navigator.busy


def test_what_a_job_raises_is_for_whoever_asked(navigator: Navigator) -> None:
    def fail(_: Explorer) -> None:
        raise PlayerError("so it is")

    with pytest.raises(PlayerError, match="so it is"):
        navigator.submit(fail).result(LONG_S)
    assert navigator.submit(lambda explorer: explorer.timeline.position.event).result(LONG_S) == 0


def test_cancelling_takes_back_those_that_wait(navigator: Navigator) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Explorer) -> str:
        begun.set()
        go_on.wait(LONG_S)
        return "done"

    first = navigator.submit(wait)
    second = navigator.submit(lambda _: "never")
    assert begun.wait(LONG_S)
    navigator.cancel()
    go_on.set()
    assert first.result(LONG_S) == "done"
    with pytest.raises(CancelledError):
        second.result(LONG_S)


def test_cancelling_interrupts_the_journey(navigator: Navigator) -> None:
    begun = threading.Event()

    def never(_index: object, _call: object, _result: object) -> bool:
        begun.set()
        interrupted.wait(LONG_S)
        return False

    interrupted = threading.Event()
    future = navigator.submit(
        lambda explorer: explorer.proceed(Direction.FORWARD, Wanted(event=never))
    )
    assert begun.wait(LONG_S)
    navigator.cancel()
    interrupted.set()
    assert future.result(LONG_S).why is Why.INTERRUPTED


def test_a_recording_that_cannot_be_opened(tmp_path: Path) -> None:
    def fail(_: object) -> Explorer:
        raise PlayerError(f"not in {tmp_path}")

    navigator = Navigator(fail)
    with pytest.raises(PlayerError):
        navigator.opened.result(LONG_S)
    with pytest.raises(PlayerError):
        navigator.submit(lambda _: None).result(LONG_S)
    navigator.close()


def test_closed_means_closed(navigator: Navigator) -> None:
    navigator.opened.result(LONG_S)
    navigator.close()
    assert navigator.closed
    assert navigator.submit(lambda _: None).cancelled()


def test_what_waits_is_known_and_goes_on_after_an_interrupt(navigator: Navigator) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(explorer: Explorer) -> bool:
        begun.set()
        go_on.wait(LONG_S)
        return explorer.timeline._replay.was_interrupted()

    first = navigator.submit(wait)
    begun.wait(LONG_S)
    assert not navigator.awaited
    second = navigator.submit(lambda _: "done")
    assert navigator.awaited
    navigator.interrupt()
    go_on.set()
    assert (first.result(LONG_S), second.result(LONG_S)) == (True, "done")
    assert not navigator.awaited
    navigator.interrupt()  # nobody
