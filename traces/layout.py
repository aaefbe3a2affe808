"""What stands where in a trace's file, and whether the file says all that its recorder meant to.

A finished file says so itself, at its end. Any other is walked from block to block without reading
payloads; what cannot be walked over is the damage, and what stands before it the trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from traces.blocks import BlockFile
from traces.errors import DAMAGED, Corrupt, DamagedTrace, WrongVersion
from traces.framing import (
    DIGESTS,
    EVENTS,
    GUEST,
    HEADER_SEAL,
    INDEX,
    REDACTED,
    SUMMARY,
    TRAILER,
    TRAILER_BYTES,
    BlockHead,
    Trailer,
)
from traces.index import BlockIndex, IndexBuilder
from traces.limits import U64_MAX
from traces.maps import MapView
from traces.migrate import Step, migrate_summary
from traces.packing import Malformed, OutOfData, unpack_value
from traces.summary import Summary, summary_from_map

KNOWN_TAGS = frozenset((HEADER_SEAL, GUEST, REDACTED, EVENTS, DIGESTS, SUMMARY, INDEX, TRAILER))


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a file: guest, events and digests are in ``[begin_bytes, end_bytes)``.

    ``sealed``: the file has its trailer, and summary and index are what the trailer says.
    ``damage``: what ended the walk of a file that is not.
    """

    begin_bytes: int
    end_bytes: int
    event_count: int
    index: BlockIndex
    summary: Summary | None
    sealed: bool
    damage: DamagedTrace | None = None


def find_layout(file: BlockFile, begin_bytes: int, steps: Sequence[Step] = ()) -> Layout:
    """The layout of ``file``; raises WrongVersion for a required block of a later version."""
    return LayoutFinder(file, begin_bytes, steps).find()


class LayoutFinder:
    """Finds the layout of a file, and again when the file has become longer."""

    def __init__(self, file: BlockFile, begin_bytes: int, steps: Sequence[Step] = ()) -> None:
        self._file = file
        self._begin_bytes = begin_bytes
        self._steps = steps
        self._walk = _Walk(file, begin_bytes, steps)

    def find(self) -> Layout:
        """The layout by now; what was walked over before is not read again, except where it was
        found damaged, for its bytes may have come since. Raises as ``find_layout``."""
        damage: DamagedTrace | None = None
        trailer = self._file.trailer()
        if trailer is not None:
            try:
                return _sealed(self._file, self._begin_bytes, trailer, self._steps)
            except DamagedTrace as error:
                damage = error
        self._walk.run()
        return self._walk.layout(damage)


def require_known(head: BlockHead) -> None:
    """Raises WrongVersion for a block that a reader must understand and this one does not."""
    if head.required and head.tag not in KNOWN_TAGS:
        raise WrongVersion(
            f"block {head.tag!r} is required and unknown to this version",
            offset_bytes=head.offset_bytes,
            hint="a newer solo5-replay reads this trace",
        )


def check_order(head: BlockHead, event_count: int) -> None:
    """Raises Corrupt for a block of events that does not follow ``event_count`` others."""
    if head.first_event != event_count or not head.count or head.count > U64_MAX - event_count:
        raise Corrupt(
            f"a block of {head.count} events from {head.first_event} follows event {event_count}",
            offset_bytes=head.offset_bytes,
            hint=DAMAGED,
        )


def read_summary(
    file: BlockFile, head: BlockHead, event_count: int, steps: Sequence[Step] = ()
) -> Summary:
    """The summary in block ``head``, which follows ``event_count`` events; raises Corrupt."""
    try:
        values = MapView(unpack_value(file.payload(head)), "summary").values
        summary = summary_from_map(migrate_summary(values, steps))
    except (OutOfData, *Malformed) as error:
        what = f"the summary is damaged ({error})"
        raise Corrupt(what, offset_bytes=head.offset_bytes, hint=DAMAGED) from error
    if not summary.events == head.first_event == event_count:
        what = f"the summary counts {summary.events} events and stands behind {event_count}"
        raise Corrupt(what, offset_bytes=head.offset_bytes, hint=DAMAGED)
    return summary


def _sealed(file: BlockFile, begin_bytes: int, trailer: Trailer, steps: Sequence[Step]) -> Layout:
    summary_head = file.head(trailer.summary_offset_bytes)
    index_head = file.head(trailer.index_offset_bytes)
    consistent = (
        (summary_head.tag, index_head.tag) == (SUMMARY, INDEX)
        and begin_bytes <= summary_head.offset_bytes
        and summary_head.end_bytes <= index_head.offset_bytes
        and index_head.end_bytes <= file.size_bytes - TRAILER_BYTES
    )
    if not consistent:
        at = file.size_bytes - TRAILER_BYTES
        raise Corrupt("the trailer contradicts the file", offset_bytes=at, hint=DAMAGED)
    summary = read_summary(file, summary_head, trailer.event_count, steps)
    index = BlockIndex(file.payload(index_head))
    end_bytes = summary_head.offset_bytes
    return Layout(begin_bytes, end_bytes, trailer.event_count, index, summary, sealed=True)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a walk has come: ``next_bytes`` is where the next block is looked for."""

    next_bytes: int
    end_bytes: int
    event_count: int
    summary: Summary | None = None


class _Walk:
    """The blocks of a file that does not tell its own layout.

    The last block of events is listed when it has been proved, or when another follows it.
    """

    def __init__(self, file: BlockFile, begin_bytes: int, steps: Sequence[Step]) -> None:
        self._file = file
        self._steps = steps
        self._begin_bytes = begin_bytes
        self._place = _Place(begin_bytes, begin_bytes, 0)
        self._builder = IndexBuilder()
        self._index = BlockIndex(b"")
        self._indexed_bytes = 0
        self._unproved: tuple[BlockHead, _Place] | None = None
        self._damage: DamagedTrace | None = None

    def run(self) -> None:
        """Go on to the end of what can be walked over."""
        self._damage = None
        if self._unproved is not None:  # it was damaged; perhaps it was not wholly there
            self._place, self._unproved = self._unproved[1], None
        try:
            for head in self._file.heads(self._place.next_bytes):
                self._take(head)
        except DamagedTrace as error:
            self._damage = error
        try:
            self._prove_last()
        except DamagedTrace as error:
            self._damage = error

    def layout(self, damage: DamagedTrace | None) -> Layout:
        """What has been found."""
        place = self._place if self._unproved is None else self._unproved[1]
        added = self._builder.payload(self._indexed_bytes)
        self._index.extend(added)
        self._indexed_bytes += len(added)
        return Layout(
            self._begin_bytes,
            place.end_bytes,
            place.event_count,
            self._index,
            self._place.summary,
            sealed=False,
            damage=damage or self._damage,
        )

    def _take(self, head: BlockHead) -> None:
        require_known(head)
        place = self._place
        if head.tag in (INDEX, TRAILER):
            self._place = replace(place, next_bytes=head.end_bytes)
            return
        if place.summary is not None:
            what = f"block {head.tag!r} stands behind the summary"
            raise Corrupt(what, offset_bytes=head.offset_bytes, hint=DAMAGED)
        if head.tag == SUMMARY:
            summary = read_summary(self._file, head, place.event_count, self._steps)
            self._place = replace(place, next_bytes=head.end_bytes, summary=summary)
            return
        event_count = place.event_count
        if head.tag == EVENTS:
            check_order(head, event_count)
            self._list_last()
            self._unproved = head, replace(place, end_bytes=head.offset_bytes)
            event_count += head.count
        self._place = _Place(head.end_bytes, head.end_bytes, event_count)

    def _list_last(self) -> None:
        if self._unproved is not None:
            head = self._unproved[0]
            self._builder.note(EVENTS, head.first_event, head.offset_bytes)
            self._unproved = None

    def _prove_last(self) -> None:
        """A power failure can leave a last block whose bytes were never stored."""
        if self._unproved is not None:
            self._file.payload(self._unproved[0])
            self._list_last()
