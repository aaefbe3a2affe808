"""Which events are shown, and the search for the next: by kind at once, by text a slice at a time.

A query is written ``call:net_read,poll some text``: the calls, by name or family, and a text that
the event's line must have in it, whatever its case. Either may be missing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

from monitors.calls.names import parse_call_names
from replay.player.errors import PlayerError
from replay.tui.model.event_reader import EventReader
from traces.columns import ALL_KINDS, EVENTS_MAX, EventColumns, Kinds, kinds_named

_CALL = "call:"
_WINDOW = 512
ROWS_MAX = 1 << 40
"""A trace may announce more events than a list can have rows."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Events of some kinds whose line has ``text`` in it, which is casefolded."""

    kinds: Kinds = ALL_KINDS
    text: str = ""

    def accepts(self, line: str) -> bool:
        """Whether a line has the text."""
        return self.text in line.casefold()


EVERYTHING = EventQuery()


class BadQuery(PlayerError):
    """A filter's text names calls that are none."""


def parse_query(text: str) -> EventQuery:
    """What a filter's text means; raises ``BadQuery``."""
    names: set[str] = set()
    rest = []
    for word in text.split():
        if word.casefold().startswith(_CALL):
            names |= _call_names(word[len(_CALL) :])
        else:
            rest.append(word)
    kinds = kinds_named(names) if names else ALL_KINDS
    return EventQuery(kinds, (" ".join(rest) if names else text.strip()).casefold())


def _call_names(text: str) -> frozenset[str]:
    try:
        return parse_call_names(text)
    except ValueError as error:
        raise BadQuery(str(error)) from error


class Selection(Protocol):
    """The events that have rows, ascending."""

    def __len__(self) -> int:
        """How many there are by now."""
        ...

    def event(self, row: int) -> int:
        """The event in a row."""
        ...

    def row(self, event: int) -> int:
        """The row of an event, or of the next one that has one; the number of rows for none."""
        ...


class AllEvents:
    """Every event of the trace, scanned or not."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader

    def __len__(self) -> int:
        return min(self._reader.event_count, ROWS_MAX)

    def event(self, row: int) -> int:
        """See ``Selection``."""
        return row

    def row(self, event: int) -> int:
        """See ``Selection``."""
        return max(0, min(event, len(self)))


class OfKinds:
    """The events of some kinds, as far as the trace has been scanned."""

    def __init__(self, columns: EventColumns, kinds: Kinds) -> None:
        self._columns = columns
        self._kinds = kinds

    def __len__(self) -> int:
        return self._columns.count(self._kinds)

    def event(self, row: int) -> int:
        """See ``Selection``."""
        return self._columns.select(self._kinds, row)

    def row(self, event: int) -> int:
        """See ``Selection``."""
        return self._columns.count(self._kinds, 0, max(event, 0))


class TextFilter:
    """The events that a query finds, as they are found: ``advance`` again and again, from whatever
    thread owns ``reader``; others may read meanwhile."""

    def __init__(self, reader: EventReader, query: EventQuery) -> None:
        self.query = query
        self._reader = reader
        self._kinds = reader.kinds_with(query.text, query.kinds)
        self._matches = array("I")
        self._searched = 0
        self._cancelled = False

    def __len__(self) -> int:
        return len(self._matches)

    def event(self, row: int) -> int:
        """See ``Selection``."""
        return self._matches[row]

    def row(self, event: int) -> int:
        """See ``Selection``."""
        return bisect_left(self._matches, event)

    @property
    def done(self) -> bool:
        """Whether there is nothing to look through just now; a trace may become longer."""
        return self._cancelled or self._searched >= self._end

    @property
    def progress(self) -> float:
        """How much has been looked through, from 0 to 1."""
        return self._searched / self._end if self._end else 1.0

    def cancel(self) -> None:
        """Look no further; what has been found stays. From any thread."""
        self._cancelled = True

    def advance(self, budget_events: int) -> None:
        """Look through some events more."""
        if self.done:
            return
        begin = self._next_candidate()
        end = min(begin + max(budget_events, 1), self._end)
        for event, line in self._reader.texts(begin, end, self._kinds):
            if self._cancelled:
                return
            if self.query.accepts(line):
                self._matches.append(event)
        self._searched = end

    @property
    def _end(self) -> int:
        return min(self._reader.event_count, EVENTS_MAX)

    def _next_candidate(self) -> int:
        """Where to go on: the next event of the kinds, where that is known."""
        columns, begin = self._reader.columns, self._searched
        if self._kinds >= ALL_KINDS or begin >= columns.event_count:
            return begin
        found = columns.next(self._kinds, begin)
        return columns.event_count if found is None else found


def select(reader: EventReader, query: EventQuery) -> Selection:
    """The events that a query finds; those with a text are found as a ``TextFilter`` is advanced,
    which gets a reader of its own, for another thread."""
    if query.text:
        return TextFilter(reader.another(), query)
    if query.kinds >= ALL_KINDS:
        return AllEvents(reader)
    return OfKinds(reader.columns, query.kinds)


class EventSearch:
    """The way to the next event that a query finds, behind ``event`` or before it."""

    def __init__(
        self, reader: EventReader, query: EventQuery, event: int, *, forward: bool = True
    ) -> None:
        self.found: int | None = None
        self._reader = reader
        self._query = query
        self._kinds = reader.kinds_with(query.text, query.kinds)
        self._forward = forward
        count = reader.event_count
        self._at = max(0, min(event + 1 if forward else event, count))
        self._begun = self._at
        self._cancelled = False

    @property
    def done(self) -> bool:
        """Whether ``found`` is what it will be."""
        edge = self._reader.event_count if self._forward else 0
        return self._cancelled or self.found is not None or self._at == edge

    @property
    def progress(self) -> float:
        """How much has been looked through, from 0 to 1."""
        whole = self._reader.event_count - self._begun if self._forward else self._begun
        return abs(self._at - self._begun) / whole if whole > 0 else 1.0

    def cancel(self) -> None:
        """Look no further. From any thread."""
        self._cancelled = True

    def advance(self, budget_events: int) -> None:
        """Look through some events more."""
        left = max(budget_events, 1)
        while left > 0 and not self.done:
            size = min(left, _WINDOW)
            if self._forward:
                self._look_ahead(size)
            else:
                self._look_back(size)
            left -= size

    def _look_ahead(self, size: int) -> None:
        columns, begin = self._reader.columns, self._at
        if begin < columns.event_count:
            known = columns.next(self._kinds, begin)
            begin = columns.event_count if known is None else known
        end = min(begin + size, self._reader.event_count)
        found = self._matches(begin, end)
        self.found = found[0] if found else None
        self._at = end

    def _look_back(self, size: int) -> None:
        columns, end = self._reader.columns, self._at
        if end <= columns.event_count:
            known = columns.previous(self._kinds, end)
            end = 0 if known is None else known + 1
        begin = max(end - size, 0)
        found = self._matches(begin, end)
        self.found = found[-1] if found else None
        self._at = begin

    def _matches(self, begin: int, end: int) -> list[int]:
        lines = self._reader.texts(begin, end, self._kinds)
        return [event for event, line in lines if self._query.accepts(line)]
