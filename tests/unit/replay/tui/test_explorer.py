"""Ways through a recording, and what is seen at their ends."""

from __future__ import annotations

import pytest

from replay.machine.ending import Halted
from replay.machine.position import Position
from replay.player.errors import BadPosition, PlayerError
from replay.player.stops import Break, Direction, Stop, Wanted, Why
from replay.tui.explorer import A_BUG, Explorer, NeverWritten, NotThere, Trouble
from tests.unit.replay.player.travelled import Journey

ON, BACK = Direction.FORWARD, Direction.BACKWARD
NOTHING = Wanted()


def test_to_an_event_is_before_the_instruction_that_makes_it_happen(
    explorer: Explorer, everything: Journey
) -> None:
    for event in (0, 3, 7):
        explorer.to_event(event)
        assert explorer.timeline.position.event == event
        explorer.step(1)
        assert explorer.timeline.position == Position(event + 1)


def test_to_an_event_behind_the_last_is_the_end(explorer: Explorer) -> None:
    moment = explorer.travel(lambda e: e.to_event(10**6), {})
    assert moment.position == explorer.timeline.end
    assert moment.ending == Halted(7)


def test_seeking_ends_at_the_end(explorer: Explorer) -> None:
    assert explorer.seek(Position(10**9)).position == explorer.timeline.end
    with pytest.raises(BadPosition):
        explorer.seek_exactly(Position(10**9))


def test_instructions_over_calls_in_both_directions(
    explorer: Explorer, everything: Journey
) -> None:
    tick = Wanted(breaks=(Break(everything["tick"]),))
    explorer.proceed(ON, tick)
    explorer.step(-1)
    before = explorer.timeline.position
    rsp = explorer.timeline.registers()["rsp"]
    stop = explorer.next_instruction(ON, NOTHING)
    assert stop.why is Why.REACHED
    assert explorer.timeline.registers()["rsp"] == rsp
    assert explorer.timeline.position > before
    behind = explorer.timeline.position
    explorer.next_instruction(BACK, NOTHING)
    assert explorer.timeline.position == before
    explorer.step(1)
    assert explorer.timeline.registers()["rip"] == everything["tick"]
    assert explorer.timeline.position < behind


def test_over_a_call_a_breakpoint_in_it_counts(explorer: Explorer, everything: Journey) -> None:
    tick = Wanted(breaks=(Break(everything["tick"]),))
    explorer.proceed(ON, tick)
    explorer.step(-1)
    stop = explorer.next_instruction(ON, tick)
    assert stop.why is Why.BREAK
    assert explorer.timeline.registers()["rip"] == everything["tick"]


def test_an_instruction_that_calls_nothing_is_stepped(explorer: Explorer) -> None:
    explorer.next_instruction(ON, NOTHING)
    assert explorer.timeline.position == Position(0, 1)
    explorer.next_instruction(BACK, NOTHING)
    assert explorer.timeline.position == Position(0)


def test_goals_in_both_directions(explorer: Explorer, everything: Journey) -> None:
    explorer.to_goal("tick", ON)
    assert explorer.timeline.position == everything.at("tick")[0]
    explorer.to_goal("end", ON)
    explorer.to_goal("tick", BACK)
    assert explorer.timeline.position == everything.at("tick")[-1]


def test_a_goal_that_is_not_there_leaves_the_guest_where_it_is(explorer: Explorer) -> None:
    explorer.seek(Position(2))
    with pytest.raises(NotThere, match="does not occur before 2"):
        explorer.to_goal("console:no such text", BACK)
    assert explorer.timeline.position == Position(2)


def test_memory_that_nobody_wrote(explorer: Explorer, everything: Journey) -> None:
    with pytest.raises(NeverWritten):
        explorer.last_write(everything["secret"], 8)


def test_what_fails_on_a_way_is_told_in_the_moment(explorer: Explorer) -> None:
    explorer.seek(Position(3))

    def fail(_: Explorer) -> Stop:
        raise PlayerError("no \x1b way")

    moment = explorer.travel(fail, {})
    assert moment.trouble == Trouble("no \x1b way")
    assert moment.position == Position(3)
    assert explorer.travel(Explorer.to_start, {}).trouble is None


def test_a_look_that_fails_spoils_no_other(explorer: Explorer) -> None:
    def fail(_: Explorer) -> object:
        raise PlayerError("cannot be seen")

    moment = explorer.travel(
        Explorer.to_start, {"bad": fail, "good": lambda e: e.timeline.registers()["rip"]}
    )
    assert moment.seen["bad"] == Trouble("cannot be seen")
    assert moment.seen["good"] == explorer.timeline.registers()["rip"]
    assert moment.with_seen({"bad": 1}).seen == {**moment.seen, "bad": 1}


def test_a_look_that_fails_leaves_the_others_alone(explorer: Explorer) -> None:
    def fail(_: Explorer) -> object:
        raise KeyError("of ours")

    seen = explorer.look({"wrong": fail, "right": lambda _: 7}).seen
    assert seen["right"] == 7
    assert seen["wrong"] == Trouble(f"{A_BUG}: KeyError: 'of ours'")
