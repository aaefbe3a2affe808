"""The list of events: millions of rows, of which only those on the screen are ever made.

A row says whether the guest stands there, what is marked there, the event's number and time, and
the call with its result. A trace that is damaged has rows that say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from replay.export.event_lines import EventParts
from replay.tui.model.event_filter import AllEvents, Selection
from replay.tui.model.event_reader import Broken, EventReader
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.rows import Line, Role, Span, ToEvent, visible

_NS_PER_S: Final = 1_000_000_000
_NS_PER_US: Final = 1_000
_DAY_S: Final = 86_400
_WALL_CELLS: Final = len("00:00:00.000000")
_GIVES = frozenset(("ConsoleWrite", "NetWrite", "BlockWrite"))
_TAKES = frozenset(("NetRead", "BlockRead"))


@dataclass(frozen=True, slots=True)
class EventLook:
    """How the list is shown: ``current`` is the next event to happen where the guest stands, and
    ``diverges`` the one where a replay went another way. ``notes`` are texts by event. With
    ``wall``, times are those of the day (UTC). ``match`` is a text to be marked in every row."""

    current: int | None = None
    bookmarks: AbstractSet[int] = frozenset()
    notes: Mapping[int, str] = field(default_factory=dict)
    diverges: int | None = None
    wall: bool = False
    match: str = ""
    glyphs: Glyphs = UNICODE


class EventTable:
    """``Rows`` of the selected events. ``look`` and ``selection`` may be changed at any time; the
    rows are then others."""

    def __init__(self, reader: EventReader, look: EventLook | None = None) -> None:
        self.look = look or EventLook()
        self._reader = reader
        self._every = AllEvents(reader)
        self.selection: Selection = self._every

    def __len__(self) -> int:
        return len(self.selection) + bool(self._end_damage)

    @property
    def is_whole(self) -> bool:
        """Whether every event has a row."""
        return self.selection is self._every

    def show_all(self) -> None:
        """Every event has a row."""
        self.selection = self._every

    def event_at(self, row: int) -> int | None:
        """The event of a row; None for the last one of a damaged trace, and where there is none."""
        return self.selection.event(row) if 0 <= row < len(self.selection) else None

    def row_of(self, event: int) -> int:
        """The row of an event, or of the next one that has one, or the last."""
        return max(0, min(self.selection.row(event), len(self) - 1))

    def line(self, index: int) -> Line:
        """See ``Rows``; never raises for a row that there is, whatever the trace."""
        if index >= len(self.selection) and self._end_damage:
            why = f"Behind event {self._reader.event_count:,} nothing can be read: "
            return (Span(why + visible(self._end_damage), Role.BAD),)
        event = self.selection.event(index)
        parts = self._reader.parts(event)
        told = self._broken(parts) if isinstance(parts, Broken) else self._call(parts)
        return (*self._head(event), *self._marked(told), *self._tail(event))

    @property
    def _end_damage(self) -> str:
        """What ends a trace that is damaged, where the end is shown."""
        damage = self._reader.trace.damage if self.is_whole else None
        return "" if damage is None else str(damage)

    # ---- parts of a row

    def _head(self, event: int) -> tuple[Span, ...]:
        target = ToEvent(event)
        number = f"#{event}".rjust(len(str(max(self._reader.event_count - 1, 0))) + 1)
        here = event == self.look.current
        return (
            self._marks(event, is_here=here),
            Span(number, Role.CURRENT if here else Role.NUMBER, target),
            Span(f" {self._time(event)} ", Role.DIM, target),
        )

    def _marks(self, event: int, *, is_here: bool) -> Span:
        look, glyphs = self.look, self.look.glyphs
        mark = glyphs.bookmark if event in look.bookmarks or event in look.notes else " "
        here = glyphs.here if is_here else " "
        return Span(f"{here}{mark}", Role.CURRENT if is_here else Role.MARK)

    def _time(self, event: int) -> str:
        columns = self._reader.columns
        if self.look.wall:
            wall = self._wall_ns(event)
            return ("" if wall is None else day_time(wall)).rjust(_WALL_CELLS)
        cells = len(relative_time(columns.end_ns))
        if event >= columns.event_count:
            return " " * cells
        return relative_time(columns.time_ns(event)).rjust(cells)

    def _wall_ns(self, event: int) -> int | None:
        columns = self._reader.columns
        if event >= columns.event_count:
            return None
        wall, begun = columns.wall_ns(event), self._reader.trace.header.recorded_at_ns
        if wall is None and begun is not None:
            return begun + columns.time_ns(event)
        return wall

    def _call(self, parts: EventParts) -> tuple[Span, ...]:
        name = parts.name
        inputs = Role.OUTPUT if name in _GIVES else Role.TEXT
        result = Role.INPUT if name in _TAKES else Role.TEXT
        spans = [
            Span(visible(name), Role.NAME),
            Span("(", Role.DIM),
            Span(visible(parts.inputs), inputs),
            Span(")", Role.DIM),
        ]
        if parts.result:
            spans += [Span(" = ", Role.DIM), Span(visible(parts.result), result)]
        return tuple(span for span in spans if span.text)

    def _broken(self, broken: Broken) -> tuple[Span, ...]:
        return (Span(f"cannot be read: {broken.why}", Role.BAD),)

    def _tail(self, event: int) -> tuple[Span, ...]:
        spans = []
        if event == self.look.diverges:
            spans.append(Span("  here the replay went another way", Role.BAD))
        if event in self.look.notes:
            spans.append(Span(f"  {visible(self.look.notes[event])}", Role.COMMENT))
        return tuple(spans)

    def _marked(self, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        text = self.look.match
        if not text:
            return spans
        return tuple(part for span in spans for part in matches_marked(span, text))


def matches_marked(span: Span, text: str) -> tuple[Span, ...]:
    """A span in parts, with every place marked that has ``text``, which is casefolded, in it."""
    folded = span.text.casefold()
    if not text or text not in folded or len(folded) != len(span.text):
        return (span,)
    parts, at = [], 0
    while (found := folded.find(text, at)) >= 0:
        parts.append(span._replace(text=span.text[at:found]))
        at = found + len(text)
        parts.append(span._replace(text=span.text[found:at], role=Role.MATCH))
    parts.append(span._replace(text=span.text[at:]))
    return tuple(part for part in parts if part.text)


def relative_time(ns: int) -> str:
    """Seconds to the microsecond below: ``12.345678``."""
    return f"{ns // _NS_PER_S}.{ns % _NS_PER_S // _NS_PER_US:06}"


def day_time(ns: int) -> str:
    """The time of the day of a number of nanoseconds since 1970, in UTC: ``09:46:40.123456``."""
    minutes, second = divmod(ns // _NS_PER_S % _DAY_S, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}.{ns % _NS_PER_S // _NS_PER_US:06}"
