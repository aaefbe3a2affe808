"""Where events are in a file: from an event's number to a block at or before it.

The index is sparse: of blocks that stand close together it lists only the first, and a reader walks
on from there. It is made while writing, or by reading the heads of all blocks of a file that has
none; both give the same index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from traces.errors import DAMAGED, Corrupt
from traces.framing import EVENTS
from traces.limits import INDEX_BYTES_MAX, INDEX_STRIDE_BYTES
from traces.packing import Malformed, new_packer, unpack_unsigned


class IndexBuilder:
    """Notes blocks in the order of the file and chooses those to list."""

    __slots__ = ("_next_offset_bytes", "_pack", "_packed", "count")

    def __init__(self) -> None:
        self._pack = new_packer()
        self._packed = bytearray()
        self._next_offset_bytes = 0
        self.count = 0

    def note(self, tag: str, first_event: int, offset_bytes: int) -> None:
        """A block as it stands in the file; only blocks of events are listed."""
        if tag != EVENTS or offset_bytes < self._next_offset_bytes:
            return
        entry = self._pack(first_event) + self._pack(offset_bytes)
        if len(self._packed) + len(entry) > INDEX_BYTES_MAX:
            return
        self._packed += entry
        self.count += 1
        self._next_offset_bytes = offset_bytes + INDEX_STRIDE_BYTES

    def payload(self, start: int = 0) -> bytes:
        """All entries as the payload of an index block, or those behind its ``start`` bytes."""
        return bytes(self._packed[start:])


class BlockIndex:
    """Entries ``(first event, offset)`` of some blocks of events, in ascending order."""

    __slots__ = ("_events", "_offsets")

    def __init__(self, payload: bytes) -> None:
        """Takes an index block's payload; raises Corrupt when it is not as the format says."""
        self._events = array("Q")
        self._offsets = array("Q")
        self.extend(payload)

    def extend(self, payload: bytes) -> None:
        """Add the entries of further payload, which follow those before; raises Corrupt."""
        try:
            numbers = unpack_unsigned(payload)
            for first_event in numbers:
                self._add(first_event, next(numbers, None))
        except Malformed as error:
            raise _bad(str(error)) from error

    def __len__(self) -> int:
        return len(self._events)

    @property
    def entries(self) -> list[tuple[int, int]]:
        """Every entry: the first event of a block, and the block's offset in bytes."""
        return list(zip(self._events, self._offsets, strict=True))

    def locate(self, event: int) -> int | None:
        """The offset of the last listed block that begins at or before ``event``; None: nowhere."""
        at = bisect_right(self._events, event)
        return self._offsets[at - 1] if at else None

    def _add(self, first_event: int, offset_bytes: int | None) -> None:
        if offset_bytes is None:
            raise ValueError("its last entry has no offset")
        if self._events and (first_event <= self._events[-1] or offset_bytes <= self._offsets[-1]):
            raise ValueError("its entries are not in order")
        self._events.append(first_event)
        self._offsets.append(offset_bytes)


def _bad(why: str) -> Corrupt:
    return Corrupt(f"the index is damaged: {why}", hint=DAMAGED)
