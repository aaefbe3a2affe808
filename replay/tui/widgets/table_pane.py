"""Panes with a row for each of some events, and one of them in detail."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from replay.player.given_log import Given
from replay.tui.explorer import Moment
from replay.tui.model.blocks import block_detail, block_names, block_table
from replay.tui.model.event_lists import Events, EventsOfKinds, EventSource, EventTable
from replay.tui.model.network import device_names, frame_detail, frame_table
from replay.tui.model.rows import FixedRows
from replay.tui.recording import Recording
from replay.tui.widgets.pane import Pane
from traces.columns import kinds_named
from traces.events import Event

_REQUESTS = kinds_named(("BlockRead", "BlockWrite"))


class TablePane(Pane):
    """What frames and block requests have in common."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self._source = EventSource(recording.event, recording.given.given, recording.event_time_ns)
        self._table = self.make_table()
        self._shows_detail = False
        self._row = 0
        """Where the cursor was in the list while a detail is shown."""

    @property
    def events(self) -> Events:
        """See ``Pane``."""
        return self._table.events

    @abstractmethod
    def make_table(self) -> EventTable:
        """The rows."""

    @abstractmethod
    def make_detail(self, event: Event, given: Given | None) -> FixedRows:
        """One event with all its bytes."""

    def on_mount(self) -> None:
        """Rows are there before the guest is."""
        super().on_mount()
        self.set_rows(self._table)

    def show(self, moment: Moment) -> None:
        """The next one in sight."""
        self._table.here = moment.position
        self._shows_detail = False
        self.set_rows(self._table, cursor=min(self._table.here_row, max(0, len(self._table) - 1)))
        self._show_count()

    def show_news(self) -> None:
        """More events, or more of their bytes."""
        self.invalidate()
        self._show_count()

    def detail(self) -> FixedRows | None:
        """The event under the cursor in all its bytes."""
        if self._shows_detail or not 0 <= self.cursor < len(self._table):
            return None
        index = self._table.events[self.cursor]
        event = self._recording.event(index)
        if event is None:
            return None
        return self.make_detail(event, self._recording.given.given(index))

    def switch_view(self) -> None:
        """The event under the cursor alone, and the list again."""
        if self._shows_detail:
            self._shows_detail = False
            self.set_rows(self._table, cursor=self._row)
        elif (detail := self.detail()) is not None:
            self._row, self._shows_detail = self.cursor, True
            self.set_rows(detail, cursor=0)

    def _show_count(self) -> None:
        count = len(self._table)
        self.subtitle = f"{self._table.here_row:,} of {count:,}" if count else "none"


class NetworkPane(TablePane):
    """Frames of both directions."""

    NAME: ClassVar[str] = "network"
    TITLE: ClassVar[str] = "Network"
    KEY: ClassVar[str] = "7"
    ABOUT: ClassVar[str] = "frames in and out, decoded; Enter goes to where one crossed"

    def make_table(self) -> EventTable:
        """See ``TablePane``."""
        names = device_names(self._recording.trace.header)
        return frame_table(self._recording.frames, self._source, names)

    def make_detail(self, event: Event, given: Given | None) -> FixedRows:
        """See ``TablePane``."""
        return frame_detail(event, given, device_names(self._recording.trace.header))


class BlocksPane(TablePane):
    """Requests to block devices."""

    NAME: ClassVar[str] = "blocks"
    TITLE: ClassVar[str] = "Blocks"
    KEY: ClassVar[str] = "8"
    ABOUT: ClassVar[str] = "block requests; Enter goes to where one was made"

    def make_table(self) -> EventTable:
        """See ``TablePane``."""
        events = EventsOfKinds(self._recording.columns, _REQUESTS)
        return block_table(events, self._source, block_names(self._recording.trace.header))

    def make_detail(self, event: Event, given: Given | None) -> FixedRows:
        """See ``TablePane``."""
        return block_detail(event, given, block_names(self._recording.trace.header))
