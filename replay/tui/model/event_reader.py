"""Events of a trace in words, any of them at once, and none that could not be put into words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple, Protocol

from monitors.calls import Call
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.traps import READ_TSC, READ_TSCP, TscReading
from replay.export.event_lines import EventParts
from replay.tui.model.rows import visible
from traces.codec import describe
from traces.columns import ALL_KINDS, EventColumns, Kinds
from traces.events import BytesDigest, Event, RecordedResult
from traces.lookup import EventLookup, Unreadable
from traces.reader import Trace
from traces.tags import SPEC_OF

_KEPT_MAX = 4096
_NUMBER_SIGNS = frozenset("0123456789.")
_READINGS: tuple[tuple[Call, RecordedResult], ...] = (
    (WALL_CLOCK, ClockReading(1)),
    (MONOTONIC_CLOCK, ClockReading(1)),
    (READ_TSC, TscReading(1, 1)),
    (READ_TSCP, TscReading(1, 1)),
)

Given = Callable[[int], bytes | None]
"""What the guest gave in an event, where that is known."""


class PartsOf(Protocol):
    """Puts an event into words: see ``replay.export.event_lines.EventLines``."""

    def parts(self, event: Event, given: bytes | None = None) -> EventParts:
        """The event's line in its parts."""
        ...


class Broken(NamedTuple):
    """The line of an event that cannot be read."""

    event: int
    why: str

    def __str__(self) -> str:
        return f"#{self.event} cannot be read: {self.why}"


def nothing_given(event: int) -> bytes | None:  # noqa: ARG001
    """For whoever has no replay."""
    return None


class EventReader:
    """One thread's way to the events of a trace as text; keeps some that were read last."""

    def __init__(
        self,
        trace: Trace,
        columns: EventColumns,
        lines: PartsOf,
        given: Given = nothing_given,
    ) -> None:
        self.trace = trace
        self.columns = columns
        self._lines = lines
        self._given = given
        self._lookup = EventLookup(trace, columns)
        self._kept: OrderedDict[int, tuple[EventParts | Broken, bool]] = OrderedDict()

    def another(self) -> EventReader:
        """The same for another thread."""
        return EventReader(self.trace, self.columns, self._lines, self._given)

    @property
    def event_count(self) -> int:
        """How many events the trace has by now."""
        return self.trace.event_count

    def parts(self, index: int) -> EventParts | Broken:
        """An event's line in its parts."""
        kept = self._kept.get(index)
        if kept is not None:
            parts, lacks_bytes = kept
            if not lacks_bytes or self._given(index) is None:
                return parts
        found = self._lookup.event(index)
        parts = self._told(found)
        self._kept[index] = parts, _has_digest(found) and self._given(index) is None
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)
        return parts

    def texts(self, begin: int, end: int, kinds: Kinds = ALL_KINDS) -> Iterator[tuple[int, str]]:
        """Numbers and lines of the events of some kinds in ``[begin, end)``. What cannot be read is
        of every kind; of a damaged block only the first such event is told."""
        for each in self._lookup.events(begin, end, kinds):
            yield each.index, str(self._told(each))

    def kinds_with(self, text: str, kinds: Kinds) -> Kinds:
        """Those of some kinds that may have lines with ``text``, which is casefolded, in them.

        Readings of clocks are many and have little to say, so that most texts rule them out.
        """
        return kinds - {tag for tag, signs in self._signs.items() if not signs.issuperset(text)}

    @cached_property
    def _signs(self) -> dict[int, frozenset[str]]:
        """Every character that a reading's line may have."""
        signs = {}
        for call, result in _READINGS:
            event = Event(0, describe(call), result)
            line = str(self._lines.parts(event)).casefold()
            signs[SPEC_OF[type(call)].tag] = frozenset(line) | _NUMBER_SIGNS
        return signs

    def _told(self, event: Event | Unreadable) -> EventParts | Broken:
        if isinstance(event, Unreadable):
            return Broken(event.index, visible(str(event.why)))
        given = self._given(event.index) if _has_digest(event) else None
        return self._lines.parts(event, given)


def _has_digest(event: Event | Unreadable) -> bool:
    """Whether the guest gave bytes that a trace has only a digest of."""
    if isinstance(event, Unreadable):
        return False
    return any(isinstance(value, BytesDigest) for _, value in event.call.fields)
