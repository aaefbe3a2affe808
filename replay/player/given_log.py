"""What the guest gave: console text, frames it sent and blocks it wrote, by event.

A trace has digests of these bytes only, so they come from a replay of it: a survey fills a log
while others read from it. Memory is bounded: where there is too much, the oldest frames and blocks
are dropped, and the end of the console is left out.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from replay.player.console_log import ConsoleLog

GIVEN_BYTES_MAX = 64 << 20
CONSOLE_BYTES_MAX = 64 << 20
_ITEM_BYTES = 24
"""What an item takes besides its bytes: its event, its length and where its bytes end."""


@dataclass(frozen=True, slots=True)
class Given:
    """What one event gave: ``length`` bytes, of which ``data`` are the first that were kept."""

    data: bytes
    length: int

    @property
    def whole(self) -> bool:
        """Whether all bytes are there."""
        return len(self.data) == self.length


@dataclass(frozen=True, slots=True)
class Chunk:
    """What some events gave, which ascend: ``lengths[n]`` bytes each, ``kept[n]`` of them, which
    stand one behind the other in ``data``."""

    events: Sequence[int]
    lengths: Sequence[int]
    kept: Sequence[int]
    data: bytes


class GivenLog:
    """Filled by one thread and read by any; see ``replay.player.survey``."""

    def __init__(
        self, given_max: int = GIVEN_BYTES_MAX, console_max: int = CONSOLE_BYTES_MAX
    ) -> None:
        """Keeps about ``given_max`` bytes of frames and blocks, and ``console_max`` of console."""
        self.console = ConsoleLog()
        self.complete_until = 0
        """Everything that the events before this one gave has been here."""
        self.console_left_out = 0
        """Bytes of the console's end, or of very long writes, that were not kept."""
        self.given_left_out = 0
        """Frames and blocks of which nothing is kept any more: the oldest."""
        self._given_max = given_max
        self._console_max = console_max
        self._chunks: list[_Packed | None] = []
        self._firsts = array("Q")
        self._size = 0
        self._oldest = 0
        self._is_full = False

    def add_console(self, chunk: Chunk) -> None:
        """Console text."""
        size = sum(chunk.lengths)
        if self._is_full or len(chunk.data) > self._console_max - self.console.size:
            self._is_full = True  # what came behind a gap would seem to belong before it
            self.console_left_out += size
            return
        self.console_left_out += size - len(chunk.data)
        self.console.add(chunk.events, chunk.kept, chunk.data)

    def add_given(self, chunk: Chunk) -> None:
        """Frames sent and blocks written."""
        if not chunk.events:
            return
        packed = _Packed(chunk)
        self._chunks.append(packed)
        self._firsts.append(chunk.events[0])
        self._size += packed.size
        while self._size > self._given_max and self._oldest < len(self._chunks):
            self._drop_oldest()

    def given(self, event: int) -> Given | None:
        """What ``event`` gave; None: nothing, or it is not known yet, or not any more."""
        at = bisect_right(self._firsts, event) - 1
        packed = self._chunks[at] if at >= 0 else None
        return None if packed is None else packed.find(event)

    def _drop_oldest(self) -> None:
        packed = self._chunks[self._oldest]
        assert packed is not None
        self._chunks[self._oldest] = None
        self._size -= packed.size
        self.given_left_out += len(packed.events)
        self._oldest += 1


class _Packed:
    """A chunk in little memory."""

    __slots__ = ("_data", "_ends", "_lengths", "events", "size")

    def __init__(self, chunk: Chunk) -> None:
        self.events = array("Q", chunk.events)
        self._lengths = array("Q", chunk.lengths)
        self._data = chunk.data
        self._ends = array("Q")
        end = 0
        for kept in chunk.kept:
            end += kept
            self._ends.append(end)
        self.size = len(self._data) + _ITEM_BYTES * len(self.events)

    def find(self, event: int) -> Given | None:
        at = bisect_left(self.events, event)
        if at == len(self.events) or self.events[at] != event:
            return None
        start = self._ends[at - 1] if at else 0
        return Given(self._data[start : self._ends[at]], self._lengths[at])
