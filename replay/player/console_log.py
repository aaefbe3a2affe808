"""What the guest printed, as of any event."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator


class ConsoleLog:
    """Grows when a replay comes to an event for the first time."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._events = array("Q")
        self._ends = array("Q")

    def note(self, event: int, data: bytes) -> bool:
        """Event number ``event`` printed ``data``; false if that was known already."""
        if self._events and event <= self._events[-1]:
            return False
        self._text += data
        self._events.append(event)
        self._ends.append(len(self._text))
        return True

    def before(self, event: int) -> bytes:
        """Everything printed by the events before ``event``."""
        count = bisect_left(self._events, event)
        return bytes(self._text[: self._ends[count - 1]]) if count else b""

    def entries(self, event: int) -> Iterator[tuple[int, bytes]]:
        """What each event before ``event`` printed."""
        start = 0
        for printing, end in zip(self._events, self._ends, strict=True):
            if printing >= event:
                return
            yield printing, bytes(self._text[start:end])
            start = end
