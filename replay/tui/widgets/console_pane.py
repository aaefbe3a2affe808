"""What the guest prints in the whole run, with a line where it stands now."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Moment
from replay.tui.model.console import ConsoleLook, ConsoleRows, ConsoleState, find_row
from replay.tui.model.console_lines import ConsoleLines
from replay.tui.model.event_lists import EventsOfKinds
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.pane import Pane
from traces.columns import kinds_named

_WRITES = kinds_named(("ConsoleWrite",))


class ConsolePane(Pane):
    """The console as of this moment, and what comes later dimmed, or hidden."""

    NAME: ClassVar[str] = "console"
    TITLE: ClassVar[str] = "Console"
    KEY: ClassVar[str] = "5"
    ABOUT: ClassVar[str] = "what the guest prints; Enter goes to where a line was printed"

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self._lines = ConsoleLines(recording.given.console)
        self._look = ConsoleLook()
        self._here = Position(0)
        self._shown: ConsoleRows | None = None

    @property
    def events(self) -> EventsOfKinds:
        """See ``Pane``."""
        return EventsOfKinds(self._recording.columns, _WRITES)

    def show(self, moment: Moment) -> None:
        """Another moment: its line in sight."""
        self._here = moment.position
        self._make_rows(reveal=True)

    def show_news(self) -> None:
        """More text is known; who has looked at this moment's line does so still."""
        self._make_rows(reveal=self._shown is not None and self.cursor == self._shown.here_row)

    def switch_view(self) -> None:
        """With what comes later, or without."""
        self._look = replace(self._look, hides_later=not self._look.hides_later)
        self._make_rows(reveal=True)

    async def find(self, text: str, step: int, work: Undertaking) -> bool:  # noqa: ARG002
        """In the text itself: it may be long."""
        if self._shown is None:
            return False
        self._look = replace(self._look, wanted=text)
        row = self._shown.row_of(self.cursor)
        if row is None:  # on the line between what is printed and what comes later
            row = self._shown.here_row - (step > 0)
        found = find_row(self._lines, text, row, backward=step < 0)
        self._make_rows(reveal=False)
        if found is None:
            return False
        self.move_cursor(self._shown.index_of(found))
        return True

    def _make_rows(self, *, reveal: bool) -> None:
        recording = self._recording
        self._lines.update()
        state = ConsoleState(recording.surveyed, recording.given.console_left_out)
        self._shown = rows = ConsoleRows(self._lines, self._here, self._look, state)
        self.set_rows(rows, cursor=rows.here_row if reveal else None)
        size = recording.given.console.size
        self.subtitle = f"{size:,} bytes" if size else ""
