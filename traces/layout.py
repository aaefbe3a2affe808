"""What stands where in a trace's file, and whether the file says all that its recorder meant to.

A finished file says so itself, at its end. Any other is walked from block to block without reading
payloads; what cannot be walked over is the damage, and what stands before it the trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from traces.blocks import BlockFile
from traces.errors import DAMAGED, Corrupt, DamagedTrace, WrongVersion
from traces.framing import (
    DIGESTS,
    EVENTS,
    GUEST,
    HEADER_SEAL,
    INDEX,
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

KNOWN_TAGS = frozenset((HEADER_SEAL, GUEST, EVENTS, DIGESTS, SUMMARY, INDEX, TRAILER))


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
    damage: DamagedTrace | None = None
    trailer = file.trailer()
    if trailer is not None:
        try:
            return _sealed(file, begin_bytes, trailer, steps)
        except DamagedTrace as error:
            damage = error
    walk = _Walk(file, begin_bytes, steps)
    walk.run()
    return walk.layout(damage)


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


class _Walk:
    """The blocks of a file that does not tell its own layout."""

    def __init__(self, file: BlockFile, begin_bytes: int, steps: Sequence[Step]) -> None:
        self._file = file
        self._steps = steps
        self._begin_bytes = begin_bytes
        self._end_bytes = begin_bytes
        self._event_count = 0
        self._index = IndexBuilder()
        self._last_events: BlockHead | None = None
        self._summary: Summary | None = None
        self._damage: DamagedTrace | None = None

    def run(self) -> None:
        try:
            for head in self._file.heads(self._begin_bytes):
                self._take(head)
        except DamagedTrace as error:
            self._damage = error
        try:
            self._check_last()
        except DamagedTrace as error:
            self._damage = error

    def layout(self, damage: DamagedTrace | None) -> Layout:
        return Layout(
            self._begin_bytes,
            self._end_bytes,
            self._event_count,
            BlockIndex(self._index.payload()),
            self._summary,
            sealed=False,
            damage=damage or self._damage,
        )

    def _take(self, head: BlockHead) -> None:
        require_known(head)
        if head.tag in (INDEX, TRAILER):
            return
        if self._summary is not None:
            what = f"block {head.tag!r} stands behind the summary"
            raise Corrupt(what, offset_bytes=head.offset_bytes, hint=DAMAGED)
        if head.tag == SUMMARY:
            self._summary = read_summary(self._file, head, self._event_count, self._steps)
            return
        if head.tag == EVENTS:
            check_order(head, self._event_count)
            self._index.note(EVENTS, head.first_event, head.offset_bytes)
            self._event_count += head.count
            self._last_events = head
        self._end_bytes = head.end_bytes

    def _check_last(self) -> None:
        """A power failure can leave a last block whose bytes were never stored."""
        head = self._last_events
        if head is None:
            return
        try:
            self._file.payload(head)
        except DamagedTrace:
            self._end_bytes = head.offset_bytes
            self._event_count = head.first_event
            raise
