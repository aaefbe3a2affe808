"""The pane of what people have marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.model.rows import ToPosition
from replay.tui.recording import Recording
from replay.tui.widgets.notes_pane import NotesPane, note_lines
from tests.unit.replay.tui.model.event_traces import PRINTED
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, show, standing


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, [PRINTED] * 9) as found:
        yield found


def test_in_the_order_of_time_with_the_place_where_one_is(recording: Recording) -> None:
    book = recording.notebook
    book.bookmarks |= {"late": Position(7), "early": Position(2, 5)}
    book.notes[Position(3)] = "a \x1b[31mnote"
    recording.places.keep(Position(3))
    lines = list(note_lines(recording, Position(3)))
    assert [line[1].target for line in lines] == [
        ToPosition(at) for at in (Position(2, 5), Position(3), Position(3), Position(7))
    ]
    pane = NotesPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(3)))
        rows = texts(pane.rows)
        assert [row.split()[0] for row in rows] == ["2+5", "→", "→", "7"]
        assert any("checkpoint 1" in row for row in rows)
        assert pane.subtitle == "4"

    show(Showing(pane), script)


def test_without_marks_it_says_how_to_make_some(recording: Recording) -> None:
    pane = NotesPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(3)))
        assert "keeps this place under a name" in texts(pane.rows)[0]
        recording.notebook_trouble = "that is a diary"
        pane.show(standing(Position(3)))
        assert texts(pane.rows) == ["that is a diary"]

    show(Showing(pane), script)
