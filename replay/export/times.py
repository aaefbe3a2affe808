"""When events were, for formats in which everything has a time.

Events carry no time of their own: known is what the guest read from its clocks. See
``traces.skimming`` for how readings of several clocks become one time.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from monitors.calls.names import FAMILIES
from traces.columns import EventColumns, kinds_named

_CALL_NS_MAX = 1000
WAITING = frozenset(("Poll", "WaitReady"))
"""The calls in which a guest waits."""

_WAITING_KINDS = kinds_named(WAITING)
_UNREAD_EVENT_NS = 1000

FAMILY_OF = {call: family for family, calls in FAMILIES.items() for call in calls}
"""The family (``net``, ``clock``) of a call's name."""


class Origin(enum.Enum):
    """Where the date of an export comes from."""

    WALL = "the guest's own readings of the wall clock"
    RECORDED = "when the recording began, and the guest's other clocks from there"
    NONE = "unknown: times count from the guest's first reading of a clock"


class Span(NamedTuple):
    """From where to where an event took the guest's time, in nanoseconds from the start."""

    start_ns: int
    end_ns: int


class EventTimes:
    """The times of all events of one trace, in nanoseconds.

    ``columns`` are those of the whole trace; of events beyond them the last time is known.
    """

    def __init__(self, columns: EventColumns, recorded_at_ns: int | None) -> None:
        self._columns = columns
        self._last = columns.event_count - 1
        self._recorded_at_ns = recorded_at_ns or 0
        if self._last >= 0 and columns.wall_ns(0) is not None:
            self.origin = Origin.WALL
        else:
            self.origin = Origin.NONE if recorded_at_ns is None else Origin.RECORDED

    def since_start(self, event: int) -> int:
        """The guest's time when an event was over, from its first reading of a clock."""
        return self._columns.time_ns(min(event, self._last)) if self._last >= 0 else 0

    def date(self, event: int) -> int:
        """The same from 1970 on, as ``origin`` says."""
        wall = self.wall(event)
        return max(0, self._recorded_at_ns + self.since_start(event) if wall is None else wall)

    def wall(self, event: int) -> int | None:
        """What the guest would have read from its wall clock; None where it never did."""
        return self._columns.wall_ns(min(event, self._last)) if self._last >= 0 else None


class EventSpans:
    """How long events took: what is known of it, and an even share of what is not.

    Between two readings of clocks that differ only their distance is known. A wait takes of it what
    other calls leave, several ones the same, but not more than it was meant to; those others a
    microsecond at most. Without a wait the calls stand at even distances. Ask for every event, in
    order.
    """

    def __init__(self, columns: EventColumns) -> None:
        self._columns = columns
        self._count = columns.event_count
        self.is_counted = columns.end_ns == 0
        """Whether the guest's clocks tell nothing: each event then counts as a microsecond."""
        self.end_ns = columns.end_ns
        """When the last event was over."""
        self._first = self._end = 0
        self._start_ns = self._gap_ns = self._waits = 0
        self._at_ns = 0

    def span(self, event: int, waits_ns_max: int | None = None) -> Span:
        """Where an event lies; a wait is known not to have taken longer than ``waits_ns_max``."""
        if self.is_counted:
            return Span(event * _UNREAD_EVENT_NS, (event + 1) * _UNREAD_EVENT_NS)
        if event >= self._count:
            return Span(self.end_ns, self.end_ns)
        if event >= self._end:
            self._enter(event)
        if self._columns.kind(event) in _WAITING_KINDS:
            return self._next(self._wait_ns(waits_ns_max))
        if self._waits and event < self._end - 1:
            return self._next(self._call_ns())
        place, count = event - self._first + 1, self._end - self._first
        end = self._start_ns + self._gap_ns * place // count
        return Span(end - self._call_ns(), end)

    def _next(self, length_ns: int) -> Span:
        start = self._at_ns
        self._at_ns += length_ns
        return Span(start, self._at_ns)

    def _enter(self, event: int) -> None:
        """Begin with the events from behind one reading to the next that differs."""
        columns = self._columns
        self._first = event
        self._start_ns = columns.time_ns(event - 1) if event else 0
        behind = columns.at_time(self._start_ns + 1)
        self._end = min(behind + 1, self._count)
        self._gap_ns = columns.time_ns(self._end - 1) - self._start_ns
        self._waits = columns.count(_WAITING_KINDS, event, self._end)
        self._at_ns = self._start_ns

    def _call_ns(self) -> int:
        return min(_CALL_NS_MAX, self._gap_ns // (2 * (self._end - self._first)))

    def _wait_ns(self, most: int | None) -> int:
        others = self._end - self._first - self._waits
        share = (self._gap_ns - others * self._call_ns()) // self._waits
        return share if most is None else min(share, most)
