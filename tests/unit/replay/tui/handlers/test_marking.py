"""Verbs that mark something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.engines.ports import Access
from replay.machine.position import Position
from replay.player.errors import PlayerError
from replay.player.notebook import load_notebook, notebook_path
from replay.tui.desk import Refusal
from replay.tui.model.points import BreakPoint, Display, Points, WatchPoint
from replay.tui.model.rows import ToMemory
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


@pytest.fixture(autouse=True)
def _clean(everything: Journey) -> Iterator[None]:
    """What a test writes beside the trace of all tests is gone behind it."""
    yield
    notebook_path(everything.path).unlink(missing_ok=True)


def points(desk: FakeDesk) -> Points:
    assert desk.moment is not None
    return desk.moment.points


def test_breakpoints_of_all_kinds(desk: FakeDesk, everything: Journey) -> None:
    desk.do("break", "tick if u64[&box] == 3")
    desk.do("tbreak", "copy")
    first, second = points(desk).points
    assert first == BreakPoint(1, "tick", (everything["tick"],), "u64[&box] == 3")
    assert isinstance(second, BreakPoint)
    assert second.is_temporary
    assert desk.answers == [
        "breakpoint 1 at tick if u64[&box] == 3",
        "breakpoint 2 at copy",
    ]
    for bad in ("nowhere", "tick if", "tick if nothing_of_this_name"):
        with pytest.raises(Refusal):
            desk.do("break", bad)
    with pytest.raises(Refusal, match="tbreak wants a place"):
        desk.do("tbreak")
    assert len(points(desk).points) == 2


def test_the_line_under_the_cursor_is_marked_and_unmarked(
    desk: FakeDesk, everything: Journey
) -> None:
    with pytest.raises(Refusal, match="no code under the cursor"):
        desk.do("break")
    desk.code.here = ("tick", everything["tick"])
    desk.do("break")
    assert [point.number for point in points(desk).points] == [1]
    desk.do("break")
    assert points(desk).points == ()


@pytest.mark.parametrize(
    ("verb", "access"),
    [("watch", Access.WRITE), ("rwatch", Access.READ), ("awatch", Access.READ_WRITE)],
)
def test_watches(desk: FakeDesk, everything: Journey, verb: str, access: Access) -> None:
    desk.do(verb, "secret")
    assert points(desk).points == (WatchPoint(1, "secret", everything["secret"], 8, access),)
    assert desk.answers == ["watch 1 of secret"]


def test_the_memory_under_the_cursor_is_watched(desk: FakeDesk, everything: Journey) -> None:
    desk.pane = desk.registers
    with pytest.raises(Refusal, match="name some"):
        desk.do("watch")
    desk.registers.under = ToMemory(everything["secret"] + 4, 1)
    desk.do("watch")
    (point,) = points(desk).points
    assert isinstance(point, WatchPoint)
    assert (point.address, point.size) == (everything["secret"] + 4, 1)


def test_displays(desk: FakeDesk) -> None:
    desk.do("display")
    assert desk.prompts == [":display "]
    desk.do("display", "/x secret")
    assert points(desk).displays == (Display(1, "secret", "x"),)
    assert desk.did == ["reveal watches"]
    with pytest.raises(Refusal, match="display number 2"):
        desk.do("undisplay", "1 2")
    assert len(points(desk).displays) == 1  # all that were named, or none
    desk.do("undisplay", "1")
    assert points(desk).displays == ()


def test_conditions_and_what_is_switched_off(desk: FakeDesk) -> None:
    desk.do("break", "tick")
    desk.do("break", "copy")
    desk.do("condition", "2 u64[&box] > 1")
    desk.do("disable", "1, 2")
    assert [(each.condition, each.is_enabled) for each in points(desk).points] == [
        ("", False),
        ("u64[&box] > 1", False),
    ]
    desk.do("condition", "2")
    desk.do("enable", "2")
    assert [(each.condition, each.is_enabled) for each in points(desk).points] == [
        ("", False),
        ("", True),
    ]
    for bad in ("", "x", "1,2 secret", "1 nothing_of_this_name", "9 secret"):
        with pytest.raises(Refusal):
            desk.do("condition", bad)


@pytest.mark.parametrize("numbers", ["", "x", "1 x", "-1", "9" * 10, "²"])
@pytest.mark.parametrize("verb", ["enable", "disable", "undisplay"])
def test_numbers_are_wanted(early_desk: FakeDesk, verb: str, numbers: str) -> None:
    with pytest.raises(Refusal, match="a number is wanted"):
        early_desk.do(verb, numbers)


def test_what_is_deleted(desk: FakeDesk) -> None:
    for place in ("tick", "copy", "unaligned"):
        desk.do("break", place)
    with pytest.raises(Refusal, match="number 9"):
        desk.do("delete", "1 9")
    desk.do("delete", "1 3")
    assert [point.number for point in points(desk).points] == [2]
    desk.watches.under = points(desk).points[0]
    with pytest.raises(Refusal, match="a row of the watches pane"):
        desk.do("delete")  # which is not the pane in use
    desk.do("display", "secret")
    desk.watches.under = points(desk).displays[0]
    desk.do("delete")
    assert (len(points(desk).points), len(points(desk).displays)) == (1, 0)


def test_bookmarks_are_kept_beside_the_trace(desk: FakeDesk, everything: Journey) -> None:
    desk.do("bookmark")
    assert desk.prompts == [":bookmark "]
    desk.do("seek", "4")
    desk.do("bookmark", "here")
    assert load_notebook(notebook_path(everything.path)).bookmarks == {"here": Position(4)}
    assert desk.said == ["bookmark here at 4"]
    assert desk.did == ["show_marks"]
    assert desk.events.is_marked
    for bad in ("two words", "1st", "end", "c1", "x" * 65):
        with pytest.raises(Refusal, match="no name for a bookmark"):
            desk.do("bookmark", bad)
    desk.do("forget", "here")
    assert not notebook_path(everything.path).exists()
    with pytest.raises(Refusal, match="no bookmark 'here'"):
        desk.do("forget", "here")


def test_notes(desk: FakeDesk) -> None:
    notes = desk.recording.notebook.notes
    with pytest.raises(Refusal, match="no note at 0"):
        desk.do("forget")
    desk.do("note", "look <here>")
    assert notes == {Position(0): "look <here>"}
    desk.do("note")
    assert desk.prompts == [":note look <here>"]
    for bad in ("a\nb", "\x1b[2J", "x" * 5000):
        with pytest.raises(Refusal, match="one line"):
            desk.do("note", bad)
    desk.do("forget")
    assert notes == {}


def test_a_notebook_that_is_not_ours_is_left_alone(desk: FakeDesk) -> None:
    desk.recording.notebook_trouble = "that is a diary"
    for command, argument in (("note", "x"), ("bookmark", "x")):
        with pytest.raises(Refusal, match="that is a diary"):
            desk.do(command, argument)
    assert desk.recording.notebook.notes == {}
    assert desk.said == []


def test_checkpoints_by_number(desk: FakeDesk) -> None:
    desk.do("seek", "4")
    desk.do("checkpoint")
    assert desk.answers == ["checkpoint 1 at 4; `restart 1` comes back"]
    desk.do("restart")
    assert desk.moment is not None
    assert desk.moment.position == Position(0)
    for name in ("1", "c1"):
        desk.do("restart", name)
        assert desk.moment.position == Position(4)
    with pytest.raises(PlayerError, match="no checkpoint 2"):
        desk.do("restart", "2")


@pytest.mark.parametrize("verb", ["checkpoint", "note", "forget", "bookmark x"])
def test_before_the_guest_has_booted_there_is_no_here(early_desk: FakeDesk, verb: str) -> None:
    command, _, argument = verb.partition(" ")
    with pytest.raises(Refusal, match="has not booted"):
        early_desk.do(command, argument)
