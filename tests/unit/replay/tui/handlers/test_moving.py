"""Verbs that move the guest."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.stops import Direction, Stop
from replay.tui.desk import Refusal
from replay.tui.explorer import Explorer
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk

PRINTS = frozenset({"ConsoleWrite"})


def here(desk: FakeDesk) -> Position:
    assert desk.moment is not None
    return desk.moment.position


def test_so_many_instructions_on_and_back(desk: FakeDesk) -> None:
    desk.do("stepi", "5")
    assert here(desk) == Position(0, 5)
    desk.do("reverse-stepi", "3")
    assert here(desk) == Position(0, 2)
    assert desk.travels == ["stepi", "reverse-stepi"]


@pytest.mark.parametrize("count", ["0", "-1", "x", "²", str(1 << 63)])
def test_what_is_no_number_of_times(desk: FakeDesk, count: str) -> None:
    for verb in ("stepi", "step"):
        with pytest.raises(Refusal, match="not a number of times"):
            desk.do(verb, count)
    assert desk.travels == []


def test_steps_end_early_at_what_is_met(desk: FakeDesk, everything: Journey) -> None:
    first, second = everything.at("tick")[:2]
    desk.do("break", "tick")
    desk.do("next", "1000000")
    assert here(desk) == first
    desk.do("continue")
    assert here(desk) == second
    desk.do("reverse-continue")
    assert here(desk) == first


def test_a_count_makes_the_step_so_often(desk: FakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Direction] = []

    def step_line(explorer: Explorer, direction: Direction, _: object) -> Stop:
        made.append(direction)
        return explorer.step(1)

    monkeypatch.setattr(Explorer, "step_line", step_line)
    desk.do("step", "3")
    desk.do("reverse-step")
    assert made == [Direction.FORWARD] * 3 + [Direction.BACKWARD]


def test_places(desk: FakeDesk) -> None:
    desk.do("end")
    end = here(desk)
    desk.do("start")
    assert here(desk) == Position(0)
    desk.do("seek", "3+1")
    assert here(desk) == Position(3, 1)
    desk.do("seek", "end")
    assert here(desk) == end
    desk.do("seek")
    assert desk.prompts == [":seek "]


def test_a_position_that_there_is_not_is_told(desk: FakeDesk) -> None:
    desk.do("seek", "3")
    desk.do("seek", "3+99999999")
    assert len(desk.said) == 1
    assert here(desk) == Position(3)


def test_goals(desk: FakeDesk, everything: Journey) -> None:
    desk.do("until", "tick")
    assert here(desk) == everything.at("tick")[0]
    desk.do("end")
    desk.do("back-to", "tick")
    assert here(desk) == everything.at("tick")[-1]
    with pytest.raises(Refusal, match="until wants a goal"):
        desk.do("until")


def test_the_way_back_and_forth(desk: FakeDesk) -> None:
    with pytest.raises(Refusal, match="no earlier place"):
        desk.do("back")
    desk.do("seek", "2")
    desk.do("seek", "5")
    desk.do("back")
    desk.do("back")
    assert here(desk) == Position(0)
    desk.do("forward")
    assert here(desk) == Position(2)
    desk.do("stepi")  # another way: what was ahead is gone
    with pytest.raises(Refusal, match="no later place"):
        desk.do("forward")


def test_events_of_a_kind(desk: FakeDesk) -> None:
    printed = desk.recording.events_named(PRINTS)
    for _ in range(2):
        desk.do("next-event", "console_write")
    assert here(desk).event == printed[1]
    desk.do("previous-event", "console_write")
    assert here(desk).event == printed[0]
    desk.do("start")
    with pytest.raises(Refusal, match="nothing more of console_write before 0"):
        desk.do("previous-event", "console_write")
    with pytest.raises(Refusal, match="console_wri"):
        desk.do("next-event", "console_wri")


def test_without_a_kind_it_is_that_of_the_pane(desk: FakeDesk) -> None:
    printed = desk.recording.events_named(PRINTS)
    for _ in range(3):
        desk.do("next-event")
    assert here(desk).event == 2
    desk.do("previous-event")
    desk.do("stepi")  # it has happened: position 2
    desk.do("next-event")
    assert here(desk).event == 2
    desk.pane = desk.panes["console"]
    desk.do("start")
    desk.do("next-event")
    assert here(desk).event == printed[0]
    desk.do("end")
    with pytest.raises(Refusal, match="nothing more of console behind"):
        desk.do("next-event")


def test_an_event_that_is_ahead_of_the_guest_is_the_next(desk: FakeDesk) -> None:
    desk.do("next-event")
    assert here(desk).event == 0
    desk.do("seek", "3")
    desk.do("next-event")
    at = here(desk)
    assert at.event == 3
    desk.do("reverse-stepi")
    desk.do("next-event")
    assert here(desk) == at
    desk.do("next-event")
    assert here(desk).event == 4


def test_the_last_event_is_not_gone_to_again(desk: FakeDesk) -> None:
    events = desk.recording.events_named(PRINTS)
    desk.do("seek", str(events[len(events) - 1]))
    desk.do("next-event", "console")
    at = here(desk)
    desk.do("next-event", "console")
    assert here(desk) == at
    assert desk.said[-1].startswith("another such event does not occur behind")


def test_marks_and_checkpoints_nearest_first(desk: FakeDesk) -> None:
    book, places = desk.recording.notebook, desk.recording.places
    book.bookmarks |= {"late": Position(7), "early": Position(2)}
    book.notes[Position(4)] = "a note"
    places.keep(Position(5))
    desk.do("next-mark")
    assert here(desk) == Position(2)
    desk.do("next-mark")
    assert here(desk) == Position(4)
    desk.do("next-checkpoint")
    assert here(desk) == Position(5)
    desk.do("next-mark")
    desk.do("previous-checkpoint")
    assert here(desk) == Position(5)
    desk.do("previous-mark")
    desk.do("previous-mark")
    with pytest.raises(Refusal, match="no bookmark or note before 2"):
        desk.do("previous-mark")


@pytest.mark.parametrize("verb", ["back", "forward", "next-event", "next-mark", "next-checkpoint"])
def test_before_the_guest_has_booted_there_is_no_here(early_desk: FakeDesk, verb: str) -> None:
    with pytest.raises(Refusal, match="has not booted"):
        early_desk.do(verb)


def test_cancelling_is_the_desks(desk: FakeDesk) -> None:
    desk.do("cancel")
    assert desk.did == ["cancel"]


def test_a_count_passes_over_the_first_stops_of_a_run(desk: FakeDesk, everything: Journey) -> None:
    first, second = everything.at("tick")[:2]
    desk.do("break", "tick")
    desk.do("continue", "2")
    assert here(desk) == second
    desk.do("reverse-continue")
    assert here(desk) == first
