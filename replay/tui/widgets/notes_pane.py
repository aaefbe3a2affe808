"""Bookmarks, notes and numbered checkpoints, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Moment
from replay.tui.model.rows import FixedRows, Line, Role, Span, ToPosition, message, visible
from replay.tui.recording import Recording
from replay.tui.widgets.pane import Pane

_NONE = message(
    "m keeps this place under a name, a writes a note of it; both stay beside the trace."
)


class NotesPane(Pane):
    """What people have marked."""

    NAME: ClassVar[str] = "notes"
    TITLE: ClassVar[str] = "Notes"
    KEY: ClassVar[str] = "0"
    ABOUT: ClassVar[str] = "bookmarks and notes, kept beside the trace"

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def show(self, moment: Moment) -> None:
        """The one of this place is marked."""
        lines = tuple(note_lines(self._recording, moment.position))
        trouble = self._recording.notebook_trouble
        if trouble:
            self.set_rows(message(trouble, Role.BAD))
        else:
            self.set_rows(FixedRows(lines) if lines else _NONE)
        self.subtitle = f"{len(lines)}" if lines else ""


def note_lines(recording: Recording, here: Position) -> Iterator[Line]:
    """A row for each place that is marked."""
    book = recording.notebook
    marks: list[tuple[Position, str, str, Role]] = [
        *((at, "◆", name, Role.MARK) for name, at in book.bookmarks.items()),
        *((at, "¶", text, Role.TEXT) for at, text in book.notes.items()),
        *((at, "·", f"checkpoint {n}", Role.NUMBER) for n, at in recording.places.kept.items()),
    ]
    for position, sign, text, role in sorted(marks, key=lambda mark: mark[:3]):
        at_here = "→ " if position == here else "  "
        target = ToPosition(position)
        yield (
            Span(at_here, Role.CURRENT),
            Span(f"{position!s:<14} ", Role.ADDRESS, target),
            Span(f"{sign} {visible(text)}", role, target),
        )
