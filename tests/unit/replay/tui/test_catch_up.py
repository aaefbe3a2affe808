"""Going along with a recording that grows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.machine.ending import Halted
from replay.machine.position import Position
from replay.player.stops import Why
from replay.tui import catch_up as module
from replay.tui.catch_up import catch_up
from replay.tui.explorer import Explorer
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.conftest import exploring, growing_copy
from traces.reader import open_trace


@pytest.fixture
def growing(everything: Journey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    """At the start of a recording that is still being made, in stretches of two events."""
    monkeypatch.setattr(module, "STRETCH_EVENTS", 2)
    with growing_copy(everything.path, blocks=3) as copy, open_trace(copy.path) as trace:
        found = exploring(trace, everything.path.parent)
        found.growing = copy  # type: ignore[attr-defined]
        yield found
        found.timeline.close()


def never() -> bool:
    return False


def test_it_comes_to_the_end_of_what_there_is(growing: Explorer) -> None:
    stop = catch_up(growing, never)
    assert (stop.why, stop.position) == (Why.REACHED, growing.timeline.end)
    assert catch_up(growing, never).position == growing.timeline.end


def test_it_comes_to_the_end_of_the_run(growing: Explorer) -> None:
    copy = growing.growing  # type: ignore[attr-defined]
    while copy.left:
        copy.grow()
        assert growing.timeline.extend()
        stop = catch_up(growing, never)
        assert stop.position == growing.timeline.end
    assert (stop.why, stop.ending) == (Why.END, Halted(7))


def test_it_ends_when_it_is_enough(growing: Explorer) -> None:
    asked = iter((False, False, True))
    stop = catch_up(growing, lambda: next(asked))
    assert (stop.why, stop.position) == (Why.REACHED, Position(4))


def test_it_ends_when_it_is_interrupted(growing: Explorer) -> None:
    seek = growing.timeline.seek

    def interrupted(position: Position) -> object:
        stop = seek(position)
        growing.timeline.interrupt()
        return type(stop)(stop.position, Why.INTERRUPTED)

    growing.timeline.seek = interrupted  # type: ignore[method-assign, assignment]
    stop = catch_up(growing, never)
    assert (stop.why, stop.position) == (Why.REACHED, Position(2))


def test_what_was_seen_before_is_leapt_over(growing: Explorer) -> None:
    timeline = growing.timeline
    end = timeline.end
    timeline.seek(end)
    timeline.seek(Position(1))
    kept = Position(5)
    timeline.checkpoints = lambda: (Position(0), kept)  # type: ignore[method-assign]
    aims: list[Position] = []
    seek = timeline.seek

    def noted(position: Position) -> object:
        aims.append(position)
        return seek(position)

    timeline.seek = noted  # type: ignore[method-assign, assignment]
    catch_up(growing, never)
    assert aims[0] == min(end, Position(kept.event + 2))
