"""What the guest printed, as of any event."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence


class ConsoleLog:
    """Grows when a replay comes to an event for the first time.

    One thread may add to it while others read: what is not wholly there is not there for them.
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._events = array("Q")
        self._ends = array("Q")

    def note(self, event: int, data: bytes) -> bool:
        """Event number ``event`` printed ``data``; false if that was known already."""
        if self._events and event <= self._events[-1]:
            return False
        self.add((event,), (len(data),), data)
        return True

    def add(self, events: Sequence[int], lengths: Sequence[int], data: bytes) -> None:
        """``events``, ascending and behind all before, printed so many bytes of ``data`` each."""
        end = len(self._text)
        self._text += data
        for length in lengths:
            end += length
            self._ends.append(end)
        self._events.extend(events)

    @property
    def size(self) -> int:
        """How many bytes are known."""
        count = len(self._events)
        return self._ends[count - 1] if count else 0

    def text(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end`` of all that was printed."""
        return bytes(self._text[start:end])

    def event_at(self, offset: int) -> int:
        """The event that printed the byte at ``offset``, which is known."""
        return self._events[bisect_right(self._ends, offset)]

    def size_before(self, event: int) -> int:
        """How many bytes the events before ``event`` printed."""
        count = bisect_left(self._events, event)
        return self._ends[count - 1] if count else 0

    def find(self, wanted: bytes, start: int, end: int) -> int:
        """Where ``wanted`` stands first in ``[start, end)``; -1: nowhere."""
        return self._text.find(wanted, start, end)

    def find_last(self, wanted: bytes, start: int, end: int) -> int:
        """Where ``wanted`` stands last in ``[start, end)``; -1: nowhere."""
        return self._text.rfind(wanted, start, end)

    def before(self, event: int) -> bytes:
        """Everything printed by the events before ``event``."""
        return self.text(0, self.size_before(event))

    def entries(self, event: int) -> Iterator[tuple[int, bytes]]:
        """What each event before ``event`` printed."""
        start = 0
        for number in range(len(self._events)):
            printing, end = self._events[number], self._ends[number]
            if printing >= event:
                return
            yield printing, self.text(start, end)
            start = end
