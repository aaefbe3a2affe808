"""Lists of some of a run's events, and tables with a row for each of them."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from replay.machine.position import Position
from replay.player.given_log import Given
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.rows import Line, Role, Span, ToEvent
from traces.events import Event

_ROWS_KEPT = 512


class Events(Protocol):
    """Some events of a run in their order; more may come at the end."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> int: ...

    def before(self, event: int) -> int:
        """How many of them are before ``event``."""
        ...


class EventList:
    """Events that somebody has found; 8 bytes each."""

    def __init__(self, events: Iterable[int] = ()) -> None:
        self._events = array("Q", events)

    def extend(self, events: Iterable[int]) -> None:
        """Those that come next."""
        self._events.extend(events)

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, number: int) -> int:
        return self._events[number]

    def before(self, event: int) -> int:
        """See ``Events``."""
        return bisect_left(self._events, event)


class KindIndex(Protocol):
    """How many events there are of some kinds, and which; see ``traces.columns``."""

    def count(self, kinds: frozenset[int], begin: int = 0, end: int | None = None) -> int: ...

    def select(self, kinds: frozenset[int], nth: int) -> int: ...


@dataclass(frozen=True, slots=True)
class EventsOfKinds:
    """All events of some kinds (tags of ``traces.tags``), as far as they are known."""

    index: KindIndex
    kinds: frozenset[int]

    def __len__(self) -> int:
        return self.index.count(self.kinds)

    def __getitem__(self, number: int) -> int:
        return self.index.select(self.kinds, number)

    def before(self, event: int) -> int:
        """See ``Events``."""
        return self.index.count(self.kinds, 0, event)


def event_after(events: Events, here: Position) -> int | None:
    """The first of ``events`` that has not happened at ``here``, where it may be just about to."""
    number = events.before(here.event)
    return events[number] if number < len(events) else None


def event_before(events: Events, here: Position) -> int | None:
    """The last of ``events`` that one goes back to from ``here``."""
    number = events.before(here.event + (here.instructions > 0))
    return events[number - 1] if number else None


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where a table's contents come from: an event as recorded (None where it cannot be read), what
    the guest gave in it, and the guest's time in nanoseconds. Each may be unknown yet."""

    event: Callable[[int], Event | None]
    given: Callable[[int], Given | None]
    time_ns: Callable[[int], int | None]


class EventTable:
    """A row for each of some events: ``tell`` writes what is special about it. Rows are kept until
    more is known of their events; see ``Rows``."""

    def __init__(
        self,
        events: Events,
        source: EventSource,
        tell: Callable[[Event, Given | None], Line],
        glyphs: Glyphs = UNICODE,
    ) -> None:
        self.events = events
        self.source = source
        self.here = Position(0)
        """Where the guest stands."""
        self._tell = tell
        self._glyphs = glyphs
        self._kept: OrderedDict[int, tuple[bool, Line]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.events)

    @property
    def here_row(self) -> int:
        """The row of the first event that has not happened yet; behind the last where all have."""
        return self.events.before(self.here.event)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        event = self.events[index]
        mark = " "
        if event >= self.here.event and index == self.here_row:
            mark = self._glyphs.here
        later = event >= self.here.event
        return (
            Span(f"{mark} ", Role.CURRENT),
            Span(f"{event:>8} ", Role.DIM, ToEvent(event)),
            Span(f"{self._time(event):>12} ", Role.DIM),
            *(_dimmed(span) if later else span for span in self._told(event)),
        )

    def _told(self, event: int) -> Line:
        given = self.source.given(event)
        kept = self._kept.get(event)
        if kept is not None and kept[0] == (given is not None):
            self._kept.move_to_end(event)
            return kept[1]
        read = self.source.event(event)
        if read is None:
            return (Span("cannot be read", Role.BAD, ToEvent(event)),)
        line = self._tell(read, given)
        self._kept[event] = given is not None, line
        while len(self._kept) > _ROWS_KEPT:
            self._kept.popitem(last=False)
        return line

    def _time(self, event: int) -> str:
        ns = self.source.time_ns(event)
        return "" if ns is None else seconds_text(ns)


def seconds_text(ns: int) -> str:
    """``12.345678``: seconds with microseconds, in columns."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    return f"{sign}{ns // 1_000_000_000}.{ns // 1000 % 1_000_000:06}"


def _dimmed(span: Span) -> Span:
    return span._replace(role=Role.DIM) if span.role is Role.TEXT else span
