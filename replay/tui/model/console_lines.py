"""Where the lines of a console's text are, which may be long and still grow.

A *row* is a line, or a piece of one that is very long. Only every so many rows are remembered; what
lies between is looked for when it is asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import NamedTuple, Protocol

ROW_BYTES = 400
"""A longer line goes on in the next row."""

_STRIDE = 64
_BLOCKS_KEPT = 16
_CONTINUED = 0x80  # of a UTF-8 sequence: 10xxxxxx
_SEQUENCE_MAX = 4


class ConsoleText(Protocol):
    """What a guest printed, as far as it is known; see ``replay.player.console_log``."""

    @property
    def size(self) -> int: ...

    def text(self, start: int, end: int) -> bytes: ...

    def event_at(self, offset: int) -> int: ...

    def size_before(self, event: int) -> int: ...

    def find(self, wanted: bytes, start: int, end: int) -> int: ...

    def find_last(self, wanted: bytes, start: int, end: int) -> int: ...


class Extent(NamedTuple):
    """The bytes of one row; ``end`` is behind its line end, if it has one."""

    start: int
    end: int


class ConsoleLines:
    """Rows of a text that grows at its end. The last one may still be incomplete."""

    def __init__(self, text: ConsoleText) -> None:
        self.text = text
        self._starts = array("Q")
        self._ended = 0
        """Rows that will not change."""
        self._next = 0
        """Where the row behind them begins."""
        self._known = 0
        self._blocks: OrderedDict[int, array[int]] = OrderedDict()

    def update(self, budget_bytes: int = 1 << 20) -> bool:
        """Look for rows in what has come, but not in more than ``budget_bytes`` (some 10 ms each
        MiB of short lines): true when there is more."""
        self._known = min(self.text.size, self._known + budget_bytes)
        while (end := self._end_of(self._next)) is not None:
            if self._ended % _STRIDE == 0:
                self._starts.append(self._next)
            self._ended += 1
            self._next = end
        return self._known < self.text.size

    def __len__(self) -> int:
        return self._ended + (self._next < self._known)

    @property
    def known(self) -> int:
        """The bytes in which rows have been looked for."""
        return self._known

    def extent(self, row: int) -> Extent:
        """The bytes of a row."""
        if row >= self._ended:
            return Extent(self._next, self._known)
        block, at = divmod(row, _STRIDE)
        bounds = self._bounds(block)
        return Extent(bounds[at], bounds[at + 1])

    def row_at(self, offset: int) -> int:
        """The row with the byte at ``offset``; behind the last for what is not known."""
        if offset >= self._next:
            return self._ended if offset < self._known else len(self)
        block = bisect_right(self._starts, offset) - 1
        return block * _STRIDE + bisect_right(self._bounds(block), offset) - 1

    def _bounds(self, block: int) -> array[int]:
        """Where the rows of a block begin, and where its last one ends."""
        known = self._blocks.get(block)
        count = min(_STRIDE, self._ended - block * _STRIDE)
        if known is None or len(known) <= count:
            known = self._blocks[block] = self._walk(self._starts[block], count)
        self._blocks.move_to_end(block)
        while len(self._blocks) > _BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return known

    def _walk(self, start: int, count: int) -> array[int]:
        bounds = array("Q", (start,))
        for _ in range(count):
            end = self._end_of(bounds[-1])
            assert end is not None
            bounds.append(end)
        return bounds

    def _end_of(self, start: int) -> int | None:
        """Where the row that begins at ``start`` ends; None while that is not certain."""
        limit = start + ROW_BYTES
        found = self.text.find(b"\n", start, min(limit, self._known))
        if found >= 0:
            return found + 1
        return self._cut(limit) if limit < self._known else None

    def _cut(self, limit: int) -> int:
        """``limit``, or a little before it where a character lies across it."""
        before = self.text.text(limit - _SEQUENCE_MAX + 1, limit + 1)
        for back in range(_SEQUENCE_MAX):
            if before[_SEQUENCE_MAX - 1 - back] & 0xC0 != _CONTINUED:
                return limit - back
        return limit
