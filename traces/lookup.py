"""Any event of a trace at once, wherever it is: what lists of events are read with.

Unlike a stream, which a replay goes along, this may jump, and goes on where the trace is damaged:
an event that cannot be read says why. One thread uses one lookup; a trace may have several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from traces.codec import EventDecoder
from traces.columns import ALL_KINDS, EventColumns, Kinds
from traces.errors import BadEvent, Corrupt, TraceError
from traces.events import Event
from traces.framing import EVENTS, BlockHead
from traces.limits import BLOCK_BYTES
from traces.packing import (
    EventUnpacker,
    Malformed,
    OutOfData,
    new_event_unpacker,
    unpack_single_event,
)
from traces.reader import Trace
from traces.skimming import NO_READINGS, Readings, Skimmer

_STRIDE = 64
"""Events between two places in a block that are remembered."""

_HELD_BYTES_MAX = 4 << 20
_LARGE_BYTES = 2 * BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that the trace counts and that cannot be read."""

    index: int
    why: TraceError


class EventLookup:
    """Reads events by number; ``columns``, where there are any, say where in the file they are."""

    def __init__(self, trace: Trace, columns: EventColumns | None = None) -> None:
        self._trace = trace
        self._columns = columns
        self._skimmer = Skimmer(trace.header.machine.tsc_hz)
        self._decoder = EventDecoder()
        self._held: list[_Block] = []

    def event(self, index: int) -> Event | Unreadable:
        """Event number ``index``, which must be one that the trace counts; never raises else."""
        try:
            block = self._block(index)
            array = block.array(index, self._skimmer, self._decoder)
            event = self._decoder.decode(array)
        except TraceError as error:
            if isinstance(error, BadEvent) and error.index < 0:
                error.index = index
            error.locate(self._trace.path)
            return Unreadable(index, error)
        return Event(index, event.call, event.result)

    def events(
        self, begin: int, end: int, kinds: Kinds = ALL_KINDS
    ) -> Iterator[Event | Unreadable]:
        """Those of some kinds in ``[begin, end)``, which is faster than one by one. What cannot be
        read is of every kind; of a damaged block only the first such event is told."""
        end = min(end, self._trace.event_count)
        at = max(begin, 0)
        while at < end:
            try:
                block = self._block(at)
            except TraceError as error:
                yield Unreadable(at, error)
                at = self._behind(at, end)
                continue
            until = min(end, block.end)
            try:
                yield from self._within(block, at, until, kinds)
            except BadEvent as error:
                yield Unreadable(max(at, error.index), error)
            at = until

    def _within(
        self, block: _Block, begin: int, end: int, kinds: Kinds
    ) -> Iterator[Event | Unreadable]:
        decoder = EventDecoder()
        arrays = block.arrays(begin, self._skimmer, decoder)
        every = kinds >= ALL_KINDS
        at = begin
        try:
            for array in islice(arrays, end - begin):
                at += 1
                if every or array[0] in kinds:
                    event = decoder.decode(array)
                    yield Event(at - 1, event.call, event.result)
                else:
                    decoder.pass_over(array)
        except BadEvent as error:
            raise block.bad(error.index if error.index >= 0 else at - 1, error.what) from error

    def _behind(self, index: int, end: int) -> int:
        """Where the events behind the unreadable block of one begin, as far as is known."""
        try:
            head = self._head(index)
        except TraceError:
            return end
        return min(end, head.first_event + head.count)

    # ---- blocks

    def _block(self, index: int) -> _Block:
        for block in self._held:
            if block.first <= index < block.end:
                return block
        head = self._head(index)
        block = _Block(head, self._trace.event_payload(head), self._trace.path)
        self._held.insert(0, block)
        while len(self._held) > 1 and sum(each.size for each in self._held) > _HELD_BYTES_MAX:
            self._held.pop()
        return block

    def _head(self, index: int) -> BlockHead:
        layout = self._trace.layout
        for head in self._trace.blocks(self._listed(index), layout.end_bytes):
            if head.tag != EVENTS or head.first_event + head.count <= index:
                continue
            if head.first_event <= index:
                return head
            break
        raise Corrupt(f"event {index} is in no block", path=self._trace.path)

    def _listed(self, index: int) -> int | None:
        """Where the block with an event is, or begins to be looked for."""
        columns = self._columns
        known = None if columns is None else columns.block_of(index)
        if known is not None:
            return known
        listed = self._trace.layout.index.locate(index)
        if columns is not None and columns.mark.event <= index:
            scanned = columns.mark.offset_bytes
            return max(filter(None, (scanned, listed)), default=None)
        return listed


class _Block:
    """The events of a block, and where in it some of them begin."""

    def __init__(self, head: BlockHead, payload: bytes, path: str) -> None:
        self.first = head.first_event
        self.end = head.first_event + head.count
        self.size = len(payload)
        self._head = head
        self._payload = payload
        self._path = path
        self._marks: list[tuple[int, Readings]] = [(0, NO_READINGS)]

    def array(self, index: int, skimmer: Skimmer, decoder: EventDecoder) -> object:
        """An event's array; ``decoder`` is then where it stands."""
        start, readings = self._seek(index, skimmer)
        end, _ = self._skim(index, start, 1, readings, skimmer)
        decoder.restore(readings)
        data = self._payload if not start and end == self.size else self._payload[start:end]
        try:
            return unpack_single_event(data) if self.size > _LARGE_BYTES else _fed(data).unpack()
        except (OutOfData, *Malformed) as error:
            raise self.bad(index, str(error) or "cut off") from error

    def arrays(self, begin: int, skimmer: Skimmer, decoder: EventDecoder) -> Iterator[list[object]]:
        """The arrays from event ``begin`` on, for a decoder that starts there."""
        if self.size > _LARGE_BYTES:
            array = self.array(begin, skimmer, decoder)
            assert isinstance(array, list)
            yield array
            return
        start, readings = self._seek(begin, skimmer)
        decoder.restore(readings)
        unpack = _fed(memoryview(self._payload)[start:]).unpack
        try:
            for index in range(begin, self.end):
                array = unpack()
                if type(array) is not list or not array or type(array[0]) is not int:
                    raise self.bad(index, "is not an array of a tag and fields")
                yield array
        except (OutOfData, *Malformed) as error:
            raise self.bad(index, str(error) or "cut off") from error

    def _seek(self, index: int, skimmer: Skimmer) -> tuple[int, Readings]:
        """Where an event begins, and the readings before it."""
        mark, rest = divmod(index - self.first, _STRIDE)
        marks = self._marks
        while len(marks) <= mark:
            event = self.first + _STRIDE * (len(marks) - 1)
            marks.append(self._skim(event, marks[-1][0], _STRIDE, marks[-1][1], skimmer))
        offset, readings = marks[mark]
        return self._skim(index - rest, offset, rest, readings, skimmer)

    def _skim(
        self, event: int, offset: int, count: int, readings: Readings, skimmer: Skimmer
    ) -> tuple[int, Readings]:
        skimmed = skimmer.skim(self._payload, offset, count, readings)
        if skimmed.damage is not None:
            raise self.bad(event + skimmed.count, skimmed.damage.what)
        return skimmed.offset, skimmed.readings

    def bad(self, index: int, why: str) -> BadEvent:
        """What is wrong with an event of this block."""
        return BadEvent(why, index=index, path=self._path, offset_bytes=self._head.offset_bytes)


def _fed(data: bytes | memoryview) -> EventUnpacker:
    unpacker = new_event_unpacker()
    unpacker.feed(data)
    return unpacker
