"""The guest's memory, byte by byte."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from replay.machine.position import Position
from replay.player.stops import Direction
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.memory import (
    MemoryRows,
    MemorySeen,
    MemoryWanted,
    cursor_rows,
    look_at_memory,
    row_bytes_for,
)
from replay.tui.model.memory_search import MemorySearch, parse_pattern
from replay.tui.model.rows import FixedRows, ToMemory
from replay.tui.recording import Recording
from replay.tui.widgets.pane import Look, Pane

_SPARE_ROWS = 4


class MemoryPane(Pane):
    """All of memory as rows of bytes, of which those on the screen are looked at."""

    NAME: ClassVar[str] = "memory"
    TITLE: ClassVar[str] = "Memory"
    KEY: ClassVar[str] = "6"
    ABOUT: ClassVar[str] = "bytes; Enter follows the pointer at the cursor"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "byte(-1)", show=False),
        Binding("right", "byte(1)", show=False),
        Binding("ctrl+left", "byte(-8)", show=False),
        Binding("ctrl+right", "byte(8)", show=False),
    ]

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._memory_bytes = recording.trace.header.machine.mem_size
        self._seen = MemorySeen()
        self._before: MemorySeen | None = None
        self._position: Position | None = None
        self._at: int | None = None
        self._found = (0, 0)
        self._row_bytes = 16

    # ---- looking

    def look(self) -> Look:
        """What is on the screen; at first what the stack pointer points to."""
        wanted = self._wanted()

        def look(explorer: Explorer) -> MemorySeen:
            here = wanted or self._around(explorer.timeline.registers()["rsp"])
            return look_at_memory(explorer.timeline, explorer.symbols, here)

        return look

    def _wanted(self) -> MemoryWanted | None:
        if self._at is None:
            return None
        height = max(1, self.scrollable_content_region.height) + 2 * _SPARE_ROWS
        first = max(0, self.scroll_offset.y - _SPARE_ROWS)
        return MemoryWanted(first * self._row_bytes, height * self._row_bytes, self._at)

    def _around(self, address: int) -> MemoryWanted:
        start = max(0, min(address, self._memory_bytes - 1))
        return MemoryWanted(start - start % self._row_bytes, 64 * self._row_bytes, start)

    def display_seen(self, moment: Moment, seen: object) -> None:
        """Bytes that are others than when the guest stood elsewhere are marked."""
        assert isinstance(seen, MemorySeen)
        if moment.position != self._position:
            self._before, self._position = self._seen, moment.position
            self._seen = seen
        else:
            self._seen = self._seen.and_then(seen)
        if self._at is None and seen.cursor is not None:
            self._at = seen.cursor.address
            self._make_rows()
            self.reveal(self.cursor)
            return
        self._make_rows()

    def go_to(self, address: int) -> None:
        """Put the cursor on a byte, with what is around it in sight: who looks at an address wants
        the bytes behind it as well."""
        self._put(address)
        self.reveal(self.cursor)
        self._want()

    def _move_to(self, address: int) -> None:
        self._put(address)
        self._keep_in_sight()
        self._want()

    def _put(self, address: int) -> None:
        self._at = max(0, min(address, self._memory_bytes - 1))
        self._make_rows()

    def _want(self) -> None:
        self.post_message(self.WantsLook(self))

    def _make_rows(self) -> None:
        at = self._at or 0
        rows = MemoryRows(
            self._seen, self._memory_bytes, self._row_bytes, self._before, self._at, self._found
        )
        self.cursor = at // self._row_bytes
        self.set_rows(rows)
        name = self._seen.cursor.name if self._seen.cursor is not None else ""
        self.subtitle = f"{at:#x}{f' {name}' if name else ''}"

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What comes into sight has to be looked at."""
        super().watch_scroll_y(old_value, new_value)
        if self._at is not None and round(old_value) != round(new_value):
            self._want()

    def on_resize(self) -> None:
        """There may be room for more in a row."""
        self._row_bytes = row_bytes_for(self.scrollable_content_region.width)
        if self._at is not None:
            self._make_rows()
            self._want()
        super().on_resize()

    # ---- what is under the cursor

    def value(self) -> ToMemory | None:
        """The byte under the cursor, as the 8 of a word that begins there if it is aligned."""
        if self._at is None:
            return None
        return ToMemory(self._at, 8 if self._at % 8 == 0 else 1)

    def detail(self) -> FixedRows | None:
        """The bytes at the cursor as numbers and text."""
        return cursor_rows(self._seen.cursor) if self._seen.cursor is not None else None

    def action_choose(self) -> None:
        """Follow the pointer at the cursor."""
        cursor = self._seen.cursor
        if cursor is not None and cursor.leads_to is not None:
            self.post_message(self.Chosen(self, cursor.leads_to))

    def action_byte(self, by: int) -> None:
        """The cursor to another byte."""
        self._move_to((self._at or 0) + by)

    def on_click(self, event: events.Click) -> None:
        """The cursor to the byte that was clicked."""
        row = self.scroll_offset.y + event.y
        if row < len(self.rows) and isinstance(self.rows, MemoryRows):
            self.go_to(self.rows.address_of(row, event.x))

    def _go(self, row: int) -> None:
        at = self._at or 0
        row = max(0, min(row, len(self.rows) - 1))
        self._move_to(row * self._row_bytes + at % self._row_bytes)

    # ---- searching

    def search(self, text: str, step: int) -> MemorySearch:
        """A search that the timeline's thread is to make; raises ``BadPattern``."""
        direction = Direction.FORWARD if step > 0 else Direction.BACKWARD
        return MemorySearch(parse_pattern(text), self._at or 0, self._memory_bytes, direction)

    def show_found(self, address: int, size: int) -> None:
        """Where a search has found what it looked for."""
        self._found = (address, size)
        self.go_to(address)
