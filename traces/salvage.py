"""The longest sound prefix of a damaged trace, as a trace of its own.

Blocks are copied as they are, up to the first that is not sound in every respect. What is missing
then, summary, index, trailer, is made anew, and the summary says that the file was salvaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traces.arrays import unpack_digests, unpack_events
from traces.blocks import BlockFile
from traces.codec import EventDecoder
from traces.ending import encode_ending
from traces.errors import (
    DAMAGED,
    BadEvent,
    Corrupt,
    DamagedTrace,
    TraceError,
    TraceWriteError,
    WrongVersion,
)
from traces.framing import INDEX, SUMMARY, TRAILER, BlockEncoder, BlockHead
from traces.header import header_from_map
from traces.index import IndexBuilder
from traces.layout import check_order, read_summary, require_known
from traces.migrate import MIGRATIONS
from traces.sink import FileSink
from traces.summary import Outcome, Summary

_COPY_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """What was kept of ``path`` in ``out`` (empty: not even the header, so nothing was written).

    ``bytes_lost`` counts from the first unsound byte to the file's end; ``reason`` says why nothing
    behind was kept, and is empty when nothing was lost but perhaps index and trailer.
    """

    path: str
    out: str
    events_kept: int
    bytes_kept: int
    bytes_lost: int
    ended: bool
    reason: str


def salvage(path: Path | str, out: Path | str) -> SalvageReport:
    """Copy what is sound of the trace ``path`` to the new file ``out``; damage is never raised.

    Raises NotATrace when ``path`` cannot be opened, TraceExists or TraceWriteError for ``out``.
    """
    with BlockFile(path) as file:
        try:
            begin_bytes = _header(file)
        except TraceError as error:
            return SalvageReport(
                file.path, "", 0, 0, file.size_bytes, ended=False, reason=_reason(error)
            )
        sink = FileSink(out)
        try:
            _copy(file, 0, begin_bytes, sink)
            prefix = _Prefix(file, begin_bytes, sink)
            prefix.copy()
            sink.write(prefix.ending())
        except TraceWriteError:
            sink.discard()
            raise
        sink.close()
        return prefix.report()


def _header(file: BlockFile) -> int:
    """Where the blocks behind the header's seal begin; raises TraceError for an unusable header."""
    preamble = file.preamble()
    if MIGRATIONS.plan(preamble):
        raise WrongVersion(
            "a trace of an older format is salvaged by the release that wrote it",
            hint=f"that was {preamble.created_by!r}",
        )
    values, begin_bytes = file.header()
    header_from_map(values, preamble.version)
    return begin_bytes


class _Prefix:
    """The sound blocks of a file, while they are being copied."""

    def __init__(self, file: BlockFile, begin_bytes: int, sink: FileSink) -> None:
        self._file = file
        self._sink = sink
        self._index = IndexBuilder()
        self._end_bytes = begin_bytes
        self._event_count = 0
        self._last_digest = -1
        self._summary: Summary | None = None
        self._reason = ""

    def copy(self) -> None:
        try:
            for head in self._file.heads(self._end_bytes):
                if head.tag in (INDEX, TRAILER) or self._summary is not None:
                    break
                self._check(head)
                if head.tag == SUMMARY:
                    continue
                self._index.note(head.tag, head.first_event, self._sink.size_bytes)
                _copy(self._file, head.offset_bytes, head.end_bytes, self._sink)
                self._end_bytes = head.end_bytes
            else:
                self._reason = "" if self._summary else "the trace was not finished"
        except TraceWriteError:
            raise
        except TraceError as error:
            error.locate(self._file.path)
            self._reason = "" if self._summary else _reason(error)

    def ending(self) -> bytes:
        summary = self._summary or Summary(
            Outcome.SALVAGED, events=self._event_count, detail=self._reason
        )
        return encode_ending(summary, self._index, self._sink.size_bytes, BlockEncoder())

    def report(self) -> SalvageReport:
        ended = self._summary is not None
        lost = 0 if ended else self._file.size_bytes - self._end_bytes
        return SalvageReport(
            self._file.path,
            self._sink.name,
            self._event_count,
            self._end_bytes,
            lost,
            ended=ended,
            reason=self._reason,
        )

    def _check(self, head: BlockHead) -> None:
        """Everything that a reader of this block would find out; raises TraceError."""
        require_known(head)
        payload = self._file.payload(head)
        match head.tag:
            case "E":
                check_order(head, self._event_count)
                self._check_events(head, payload)
                self._event_count += head.count
            case "d":
                self._check_digests(head, payload)
            case "S":
                self._summary = read_summary(self._file, head, self._event_count)

    def _check_events(self, head: BlockHead, payload: bytes) -> None:
        decoder = EventDecoder()
        count = 0
        for array in unpack_events(payload):
            _decode(decoder, array, head.first_event + count, head)
            count += 1
        if count != head.count:
            raise _wrong_count(head, count)

    def _check_digests(self, head: BlockHead, payload: bytes) -> None:
        count = 0
        for digest in unpack_digests(payload):
            if not self._last_digest < digest.event < self._event_count:
                raise Corrupt("digests are not in order", offset_bytes=head.offset_bytes)
            self._last_digest = digest.event
            count += 1
        if count != head.count:
            raise _wrong_count(head, count)


def _decode(decoder: EventDecoder, array: list[object], index: int, head: BlockHead) -> None:
    try:
        decoder.decode(array)
    except BadEvent as error:
        error.index, error.offset_bytes = index, head.offset_bytes
        raise


def _reason(error: TraceError) -> str:
    """The error's text, without the advice to do what is being done."""
    if error.hint == DAMAGED:
        error.hint = ""
    return str(error)


def _wrong_count(head: BlockHead, count: int) -> DamagedTrace:
    what = f"block {head.tag!r} announces {head.count} items and holds {count}"
    return Corrupt(what, offset_bytes=head.offset_bytes, hint=DAMAGED)


def _copy(file: BlockFile, start_bytes: int, end_bytes: int, sink: FileSink) -> None:
    for at in range(start_bytes, end_bytes, _COPY_BYTES):
        sink.write(file.read(at, min(_COPY_BYTES, end_bytes - at)))
