"""What ``info`` tells."""

from __future__ import annotations

import asyncio

import pytest

from replay.machine.position import Position
from replay.tui.desk import Refusal
from replay.tui.handlers.info import SUBJECTS, answer_info
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk


def told(desk: FakeDesk, subject: str) -> str:
    asyncio.run(answer_info(desk, subject))
    return desk.answers[-1]


@pytest.mark.parametrize("subject", ["", "  ", "x", "tracery", "line 5"])
def test_what_it_does_not_know_it_refuses_with_a_list(early_desk: FakeDesk, subject: str) -> None:
    with pytest.raises(Refusal, match=", ".join(SUBJECTS)):
        told(early_desk, subject)


@pytest.mark.parametrize(
    ("word", "pane"),
    [
        ("b", "watches"),
        ("reg", "registers"),
        ("registers rip", "registers"),
        ("s", "stack"),
        ("so", "code"),
    ],
)
def test_what_a_pane_shows_is_shown_there(early_desk: FakeDesk, word: str, pane: str) -> None:
    early_desk.panes = {**early_desk.panes, pane: early_desk.code}
    asyncio.run(answer_info(early_desk, word))
    assert early_desk.did == [f"reveal {pane}"]
    assert early_desk.answers == []


def test_line_is_the_call_stack(desk: FakeDesk, everything: Journey) -> None:
    desk.do("until", "tick")
    first, *others = told(desk, "line").splitlines()
    assert first.startswith("at ")
    assert "tick" in first
    assert others
    assert all(line.startswith("by ") for line in others)


def test_what_people_have_marked(desk: FakeDesk) -> None:
    assert told(desk, "bookmarks") == "no bookmarks"
    assert told(desk, "notes") == "no notes"
    book = desk.recording.notebook
    book.bookmarks |= {"b": Position(2), "a": Position(5, 1)}
    book.notes[Position(3)] = "look here"
    assert told(desk, "book") == "b at 2\na at 5+1"
    assert told(desk, "notes") == "3: look here"


def test_checkpoints(desk: FakeDesk, early_desk: FakeDesk) -> None:
    assert told(early_desk, "checkpoints") == "no checkpoints"
    desk.recording.places.keep(Position(3))
    kept, own = told(desk, "ch").splitlines()
    assert kept.split() == ["1", "at", "3"]
    assert "kept by the replay itself" in own


def test_the_guest_as_it_stands(desk: FakeDesk, early_desk: FakeDesk) -> None:
    assert told(early_desk, "program") == "the guest has not booted yet"
    assert told(desk, "program").startswith("at 0 of ")
    desk.do("end")
    at, time, ending = told(desk, "p").splitlines()
    assert "steps from the start" in at
    assert "guest's time" in time
    assert "7" in ending


def test_the_trace(desk: FakeDesk, early_desk: FakeDesk) -> None:
    lines = told(desk, "trace").splitlines()
    assert str(desk.recording.path) in lines[0]
    assert lines[0].endswith("complete")
    assert "everything.hvt" in lines[1]
    assert told(early_desk, "t").count("4 events") == 1
