"""The bar over the whole run: it shows where the guest stands, and a click goes elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from replay.machine.position import Position
from replay.tui.explorer import Moment
from replay.tui.model.rows import FixedRows, Target
from replay.tui.model.scrubber import Axis, Scrubber, ScrubberMarks
from replay.tui.recording import Recording
from replay.tui.widgets.rows_view import RowsView, span_at

_ROWS_FOR_LABELS, _ROWS_FOR_KINDS = 30, 42


class ScrubberView(RowsView, can_focus=False):
    """Two to four rows, by the height of the screen."""

    DEFAULT_CSS = """
    ScrubberView { height: 2; background: $background; padding: 0 1; }
    ScrubberView > .rows--blurred-cursor { background: $background; }
    """

    @dataclass
    class Picked(Message):
        """A place of the bar was clicked."""

        target: Target

    def __init__(self, recording: Recording) -> None:
        super().__init__(id="scrubber")
        self._recording = recording
        self._axis = Axis.EVENTS
        self._moment: Moment | None = None
        self._diverges: int | None = None
        self._bar: Scrubber | None = None
        self._known = (-1, -1, 0)

    def show(self, moment: Moment) -> None:
        """The guest stands somewhere else."""
        self._moment = moment
        self._draw()

    def show_news(self) -> None:
        """More is known of the recording, or other marks are there."""
        self._draw()

    def mark_divergence(self, event: int) -> None:
        """Where replay and recording part ways."""
        self._diverges = event
        self._draw()

    def switch_axis(self) -> str:
        """Equal parts by events, or by time; which it is now, in words."""
        self._axis = Axis.TIME if self._axis is Axis.EVENTS else Axis.EVENTS
        self._known = (-1, -1, 0)
        self._draw()
        return "events" if self._axis is Axis.EVENTS else "the guest's time"

    def on_resize(self) -> None:
        """As wide as the screen, and as high as there is room for."""
        height = self.app.size.height
        rows = 2 + (height >= _ROWS_FOR_LABELS) + (height >= _ROWS_FOR_KINDS)
        self.styles.height = rows
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Go there."""
        event.stop()
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self.rows):
            span = span_at(self.rows.line(offset.y), offset.x)
            if span is not None and span.target is not None:
                self.post_message(self.Picked(span.target))

    def _draw(self) -> None:
        width = self.scrollable_content_region.width
        if width < 1:
            return
        recording = self._recording
        count, known = recording.trace.event_count, recording.columns.event_count
        if self._bar is None or self._known != (count, known, width):
            self._bar = Scrubber(recording.columns, count, width, self._axis)
            self._known = (count, known, width)
        height = int(self.styles.height.value) if self.styles.height else 2
        self.set_rows(FixedRows(self._bar.lines(height, self._marks())))

    def _marks(self) -> ScrubberMarks:
        book, moment = self._recording.notebook, self._moment
        complete = self._recording.trace.complete
        return ScrubberMarks(
            here=None if moment is None else moment.position,
            checkpoints=(
                *(() if moment is None else moment.checkpoints),
                *self._recording.places.kept.values(),
            ),
            bookmarks=tuple(book.bookmarks.values()),
            notes=tuple(book.notes),
            diverges=self._diverges,
            end=None if complete else Position(self._recording.trace.event_count),
        )
