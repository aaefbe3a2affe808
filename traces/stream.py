"""Events read one after another, as fast as a replay needs them and with one block in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitors.calls import Call
from traces.arrays import unpack_events
from traces.blocks import BlockFile
from traces.codec import EventDecoder
from traces.errors import DAMAGED, BadEvent, Corrupt, DamagedTrace
from traces.events import Event, RecordedEvent, RecordedResult
from traces.framing import EVENTS, BlockHead
from traces.layout import Layout, check_order, require_known
from traces.limits import BLOCK_BYTES
from traces.migrate import Step, migrate_events
from traces.packing import (
    Malformed,
    OutOfData,
    new_event_unpacker,
    new_packer,
    unpack_single_event,
)

_END_OF_BLOCK = b"\xc0"


@dataclass(frozen=True, slots=True)
class RawBlock:
    """The events that are left of a block: ``count`` of them in ``payload`` from ``offset`` on.

    ``state`` are the readings before: wall clock, monotonic clock, RDTSC and RDTSCP.
    """

    payload: bytes
    offset: int
    count: int
    state: tuple[int, int, int, int]


class EventStream:
    """A place between two events of a trace, moving forward only; ``index`` is the next event's.

    Every method raises DamagedTrace where the file turns out to be broken.
    """

    __slots__ = (
        "_block_end",
        "_decoder",
        "_fed_bytes",
        "_file",
        "_head",
        "_held",
        "_layout",
        "_offset_bytes",
        "_payload",
        "_payload_start",
        "_steps",
        "_unpack",
        "_unpacker",
        "index",
    )

    def __init__(
        self, file: BlockFile, layout: Layout, start: int = 0, steps: Sequence[Step] = ()
    ) -> None:
        """Stands before event ``start``, or at the end where the trace has fewer."""
        self._file = file
        self._layout = layout
        self._steps = steps
        self._decoder = EventDecoder()
        self._held: object = None
        self._head: BlockHead | None = None
        self._payload = b""
        self._payload_start = 0
        self._feed(b"")
        self._seek(min(start, layout.event_count))

    def extend(self, layout: Layout) -> None:
        """Go on where the trace has become longer: ``layout`` is what it is now."""
        self._layout = layout

    @property
    def at_end(self) -> bool:
        """Whether no event is left."""
        return self.index >= self._layout.event_count

    def match(self, call: Call) -> RecordedResult | None:
        """The next event's result if it records ``call``; the stream then stands behind it.

        None means that it records something else or that no event is left: see ``peek``.
        """
        array = self._held
        try:
            if array is None:
                array = self._unpack()
                if array is None:
                    array = self._first_of_next_block()
                    if array is None:
                        return None
            result = self._decoder.match(array, call)
        except DamagedTrace as error:
            self._locate(error)
            raise
        except (OutOfData, *Malformed) as error:
            raise self._malformed(error) from error
        if result is None:
            self._held = array
            return None
        self._held = None
        self.index += 1
        return result

    def peek(self) -> Event | None:
        """The next event, which stays the next; None at the end."""
        state = self._decoder.state()
        event = self._decode()
        self._decoder.restore(state)
        return None if event is None else Event(self.index, event.call, event.result)

    def next(self) -> Event | None:
        """The next event, or None at the end."""
        event = self._decode()
        if event is None:
            return None
        self._held = None
        self.index += 1
        return Event(self.index - 1, event.call, event.result)

    def raw(self) -> RawBlock | None:
        """The block with the next event as bytes; None at the end, and where the event has been
        looked at already or fills a block of more than ``BLOCK_BYTES``: ``match`` takes those."""
        try:
            if self._held is None and self.index == self._block_end:
                self._unpack()  # the mark behind the last event
                self._check_used_up()
                head = self._next_head()
                if head is None:
                    self._feed(b"")
                    return None
                self._open(head)
        except DamagedTrace as error:
            self._locate(error)
            raise
        except (OutOfData, *Malformed) as error:
            raise self._malformed(error) from error
        if self._held is not None:
            return None
        offset = self._payload_start + self._unpacker.tell()
        return RawBlock(self._payload, offset, self._block_end - self.index, self._decoder.state())

    def jump(self, events: int, offset: int, state: tuple[int, int, int, int]) -> None:
        """Stand behind ``events`` further events of the block that ``raw`` gave: at ``offset`` of
        its payload, with the readings so far."""
        assert self._held is None
        assert 0 <= events <= self._block_end - self.index, events
        before = self._unpacker.tell()
        passed = offset - self._payload_start - before
        assert passed >= events, (offset, events)
        self._unpacker.read_bytes(passed)
        # Whether tell() counts what was passed over is the library's business.
        self._fed_bytes += self._unpacker.tell() - before - passed
        self._payload_start = offset - self._unpacker.tell()
        self.index += events
        self._decoder.restore(state)

    def _decode(self) -> RecordedEvent | None:
        try:
            array = self._hold()
            return None if array is None else self._decoder.decode(array)
        except DamagedTrace as error:
            self._locate(error)
            raise

    def _hold(self) -> object:
        """The next event's array, kept until it is taken; None at the end."""
        if self._held is None:
            try:
                self._held = self._unpack()
            except (OutOfData, *Malformed) as error:
                raise self._malformed(error) from error
            if self._held is None:
                self._held = self._first_of_next_block()
        return self._held

    def _first_of_next_block(self) -> object:
        """The first array of the block behind the one that is used up; None behind the last."""
        self._check_used_up()
        head = self._next_head()
        if head is None:
            self._feed(b"")
            return None
        self._open(head)
        held, self._held = self._held, None
        if held is not None:
            return held
        try:
            first = self._unpack()
        except (OutOfData, *Malformed) as error:
            raise self._malformed(error) from error
        if first is None:
            raise BadEvent("is not in the block that announces it")
        return first

    def _seek(self, start: int) -> None:
        self.index = 0
        self._block_end = 0
        self._offset_bytes = self._layout.begin_bytes
        try:
            self._go_to_listed(start)
            self._skip_to(start)
        except DamagedTrace as error:
            self._locate(error)
            raise

    def _go_to_listed(self, start: int) -> None:
        """To the last block that the index lists at or before ``start``."""
        listed = self._layout.index.locate(start)
        if listed is None:
            return
        head = self._file.head(listed)
        if head.tag != EVENTS or head.first_event > start:
            what = "the index does not lead to a block of events"
            raise Corrupt(what, offset_bytes=listed, hint=DAMAGED)
        self._offset_bytes = listed
        self.index = self._block_end = head.first_event

    def _skip_to(self, start: int) -> None:
        while self._block_end <= start:
            head = self._next_head()
            if head is None:
                self.index = self._block_end
                return
            self._block_end = head.first_event + head.count
            if self._block_end > start:
                self._open(head)
        while self.index < start:
            self._decoder.pass_over(self._hold())
            self._held = None
            self.index += 1

    def _next_head(self) -> BlockHead | None:
        """The head of the next block of events, in its order; None where the events end."""
        for head in self._file.heads(self._offset_bytes, self._layout.end_bytes):
            self._offset_bytes = head.end_bytes
            require_known(head)
            if head.tag == EVENTS:
                check_order(head, self._block_end)
                return head
        if self._block_end != self._layout.event_count:
            raise Corrupt(
                f"the events end at {self._block_end} instead of {self._layout.event_count}",
                offset_bytes=self._layout.end_bytes,
                hint=DAMAGED,
            )
        return None

    def _open(self, head: BlockHead) -> None:
        """Read a block; a single large event is held at once."""
        self._head = head
        payload = self._file.payload(head)
        self.index = head.first_event
        self._block_end = head.first_event + head.count
        self._decoder.reset()
        try:
            if self._steps:
                payload = _migrated(payload, self._steps)
            if head.count == 1 and len(payload) > BLOCK_BYTES:
                self._held = unpack_single_event(payload)
                payload = b""
        except (OutOfData, *Malformed) as error:
            raise self._malformed(error) from error
        self._feed(payload)

    def _feed(self, payload: bytes) -> None:
        """Take events from ``payload``; a nil behind it marks its end, which no event is."""
        self._payload = payload
        self._payload_start = 0
        self._unpacker = new_event_unpacker()
        self._unpack = self._unpacker.unpack
        self._unpacker.feed(payload)
        self._unpacker.feed(_END_OF_BLOCK)
        self._fed_bytes = len(payload) + len(_END_OF_BLOCK)

    def _check_used_up(self) -> None:
        if self.index != self._block_end:
            raise BadEvent(f"its block ends here and announced events up to {self._block_end}")
        if self._unpacker.tell() != self._fed_bytes:
            raise BadEvent("its block holds further bytes that are no event")

    def _malformed(self, error: Exception) -> DamagedTrace:
        why = "it is cut off" if isinstance(error, OutOfData) else str(error)
        damage = BadEvent(f"is not msgpack as the format allows it ({why})")
        self._locate(damage)
        return damage

    def _locate(self, error: DamagedTrace) -> None:
        """Add to ``error`` what is known about the place."""
        error.locate(self._file.path)
        if isinstance(error, BadEvent) and error.index < 0:
            error.index = self.index
            error.offset_bytes = -1 if self._head is None else self._head.offset_bytes


def _migrated(payload: bytes, steps: Sequence[Step]) -> bytes:
    """The events of an older version's block in the present version's form."""
    pack = new_packer()
    return b"".join(pack(array) for array in migrate_events(unpack_events(payload), steps))
