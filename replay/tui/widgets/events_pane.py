"""The list of all events, or of those that a filter lets through."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.worker import Worker

from replay.tui.explorer import Moment
from replay.tui.model.event_filter import (
    EventSearch,
    Selection,
    TextFilter,
    parse_query,
    select,
)
from replay.tui.model.event_reader import EventReader
from replay.tui.model.events import EventTable
from replay.tui.model.rows import FixedRows, Role, Span, ToEvent
from replay.tui.recording import Recording, Times
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.pane import Pane

_SLICE_EVENTS = 500


@dataclass(frozen=True, slots=True)
class SelectedEvents:
    """A selection as a list of events."""

    selection: Selection

    def __len__(self) -> int:
        return len(self.selection)

    def __getitem__(self, number: int) -> int:
        return self.selection.event(number)

    def before(self, event: int) -> int:
        """How many are before an event."""
        return self.selection.row(event)


class EventsPane(Pane):
    """Every crossing, one a row; Enter goes to where one is about to happen."""

    NAME: ClassVar[str] = "events"
    TITLE: ClassVar[str] = "Events"
    KEY: ClassVar[str] = "1"
    ABOUT: ClassVar[str] = "every event of the recording; & filters, Enter goes there"

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self._reader = EventReader(
            recording.trace, recording.columns, recording.lines, recording.given_bytes
        )
        self._table = EventTable(self._reader)
        self._filter: TextFilter | None = None
        self._looking: Worker[None] | None = None
        """Who looks through the events for the filter."""
        self._search: EventSearch | None = None
        self.filter_text = ""

    @property
    def events(self) -> SelectedEvents | None:
        """Those that the filter lets through."""
        return SelectedEvents(self._table.selection) if self.filter_text else None

    def on_mount(self) -> None:
        """Rows are there before the guest is."""
        super().on_mount()
        self.set_rows(self._table)

    def show(self, moment: Moment) -> None:
        """The next event to happen in sight."""
        event = moment.position.event
        trouble = moment.trouble
        diverges = trouble.event if trouble is not None else None
        self._table.look = replace(
            self._table.look,
            current=event,
            diverges=self._table.look.diverges if diverges is None else diverges,
        )
        self.show_marks()
        self.set_rows(self._table, cursor=self._table.row_of(event))

    def show_marks(self) -> None:
        """Bookmarks and notes may be others."""
        book = self._recording.notebook
        self._table.look = replace(
            self._table.look,
            bookmarks=frozenset(at.event for at in book.bookmarks.values()),
            notes={at.event: text for at, text in book.notes.items()},
        )
        self.invalidate()

    def show_news(self) -> None:
        """More events, more times, more of what the guest gave."""
        self.invalidate()
        if self._filter is not None:
            self._look_through(self._filter)
        self._show_filter()

    def on_worker_state_changed(self) -> None:
        """What came just when a filter was at its end is looked through, too; and how many it found
        is known only now."""
        if self._filter is not None:
            self._look_through(self._filter)
        self._show_filter()

    def switch_time(self) -> None:
        """Times of the day, or since the start."""
        wall = self._recording.times is Times.WALL
        self._table.look = replace(self._table.look, wall=wall)
        self.invalidate()

    def detail(self) -> FixedRows | None:
        """Nothing more than the row has; it may be wider than the pane, though."""
        event = self._table.event_at(self.cursor)
        if event is None:
            return None
        text = str(self._reader.parts(event))
        return FixedRows(((Span(text, Role.TEXT, ToEvent(event)),),))

    # ---- filter and search

    def set_filter(self, text: str) -> None:
        """Only events that ``text`` means; empty for all. Raises ``BadQuery``."""
        query = parse_query(text)
        self._cancel()
        here = self._table.look.current or 0
        self.filter_text = text
        self._table.look = replace(self._table.look, match=query.text)
        if not text:
            self._table.show_all()
        else:
            self._table.selection = selection = select(self._reader, query)
            if isinstance(selection, TextFilter):
                self._filter, self._looking = selection, None
                self._look_through(selection)
        self.set_rows(self._table, cursor=self._table.row_of(here))
        self._show_filter()

    async def find(self, text: str, step: int, work: Undertaking) -> bool:
        """In the lines of all events, on a thread of its own."""
        query = parse_query(text)
        event = self._table.event_at(self.cursor)
        self._cancel_search()
        search = EventSearch(
            self._reader.another(), query, -1 if event is None else event, forward=step > 0
        )
        self._search = search
        while not (search.done or work.is_cancelled):
            await asyncio.to_thread(search.advance, _SLICE_EVENTS)
            work.fraction = search.progress
        self._table.look = replace(self._table.look, match=query.text)
        self.invalidate()
        if search.found is None:
            return False
        self.move_cursor(self._table.row_of(search.found))
        return True

    def cancel_search(self) -> bool:
        """Look no further for anything; whether there was something."""
        was_at_work = any(
            work is not None and not work.done for work in (self._filter, self._search)
        )
        self._cancel()
        return was_at_work

    def on_unmount(self) -> None:
        """Nothing goes on behind the end."""
        self._cancel()

    def _look_through(self, selection: TextFilter) -> None:
        """To the end of what there is by now; a recording may become longer."""
        at_work = self._looking is not None and not self._looking.is_finished
        if not selection.done and not at_work:
            self._looking = self.run_worker(
                lambda: _advance(selection), thread=True, group="filter", exclusive=True
            )

    def _cancel(self) -> None:
        if self._filter is not None:
            self._filter.cancel()
            self._filter = None
        self._cancel_search()

    def _cancel_search(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None

    def _show_filter(self) -> None:
        if not self.filter_text:
            self.subtitle = ""
            return
        found = f"{len(self._table):,}"
        searching = self._filter is not None and not self._filter.done
        progress = f", {self._filter.progress:.0%} read" if searching and self._filter else ""
        self.subtitle = f"& {self.filter_text} · {found}{progress}"


def _advance(selection: TextFilter) -> None:
    while not selection.done:
        selection.advance(_SLICE_EVENTS)
