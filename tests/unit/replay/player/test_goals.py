from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from replay.engines.ports import Access, Watchpoint
from replay.machine.position import Position
from replay.player.errors import PlayerError
from replay.player.goals import BadGoal, Goal, is_position, parse_goal
from replay.player.stops import Direction, Why
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace


@pytest.fixture
def symbols(recorder: Recorder) -> Symbols:
    return Symbols(recorder.guest("flaky"))


@pytest.fixture
def timeline(recorder: Recorder) -> Iterator[Timeline]:
    path = recorder.record("flaky", "2").path
    with open_trace(path) as trace, closing(Timeline(trace)) as made:
        yield made


@pytest.mark.parametrize("text", ["42", " 42+1017 ", "0"])
def test_positions_are_told_from_all_else(text: str) -> None:
    assert is_position(text)


@pytest.mark.parametrize("text", ["pay", "42+", "-1", "main.c:204", ""])
def test_what_is_no_position(text: str) -> None:
    assert not is_position(text)


def test_positions(symbols: Symbols, timeline: Timeline) -> None:
    assert parse_goal("3+7", symbols, timeline) == Goal(Position(3, 7))
    assert parse_goal("start", symbols, timeline) == Goal(timeline.start)
    assert parse_goal("end", symbols, timeline) == Goal(timeline.end)


def test_a_function_a_line_and_a_condition(symbols: Symbols, timeline: Timeline) -> None:
    timeline.seek(timeline.start)
    wanted = parse_goal("print", symbols, timeline).wanted
    assert wanted is not None
    assert timeline.run(Direction.FORWARD, wanted).why is Why.BREAK
    never = parse_goal("print if $rsp == 0", symbols, timeline).wanted
    assert never is not None
    assert [each.address for each in never.breaks] == [each.address for each in wanted.breaks]
    assert timeline.run(Direction.FORWARD, never).why is Why.END


def test_events(symbols: Symbols, timeline: Timeline) -> None:
    said = (3, ConsoleWrite(b"all is ready\n"), DONE)
    asked = (4, WALL_CLOCK, ClockReading(1))
    for text, matching, other in (
        ("call:console", said, asked),
        ("call:wall_clock,Halt", asked, said),
        ("console:is ready", said, asked),
    ):
        wanted = parse_goal(text, symbols, timeline).wanted
        assert wanted is not None
        assert wanted.event is not None
        assert wanted.event(*matching)
        assert not wanted.event(*other)


@pytest.mark.parametrize(
    ("kind", "access"),
    [("write", Access.WRITE), ("read", Access.READ), ("access", Access.READ_WRITE)],
)
def test_accesses(symbols: Symbols, timeline: Timeline, kind: str, access: Access) -> None:
    wanted = parse_goal(f"{kind}:u32[0x200000] if 1 == 1", symbols, timeline).wanted
    assert wanted is not None
    (watch,) = wanted.watches
    assert watch.point == Watchpoint(0x200000, 4, access)
    assert watch.condition is not None
    assert watch.condition(timeline)


@pytest.mark.parametrize("text", ["call:nonesuch", "console:"])
def test_goals_that_are_none(symbols: Symbols, timeline: Timeline, text: str) -> None:
    with pytest.raises(BadGoal):
        parse_goal(text, symbols, timeline)


@pytest.mark.parametrize("text", ["", "nonesuch", "main.c:99999", "write:nonesuch", "print if ("])
def test_every_other_mistake_is_told(symbols: Symbols, timeline: Timeline, text: str) -> None:
    with pytest.raises(PlayerError):
        parse_goal(text, symbols, timeline)
