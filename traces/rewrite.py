"""A trace as another one: without its guest or with it, without bytes that it received, or shorter.

What is not to change stays as it is, byte by byte where a whole block stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from google_crc32c import value as crc32c

from traces.arrays import unpack_digests
from traces.ending import encode_ending
from traces.errors import TraceError, WrongVersion
from traces.framing import (
    DIGESTS,
    EVENTS,
    GUEST,
    HEADER_SEAL,
    REDACTED,
    BlockEncoder,
    BlockHead,
)
from traces.given import GivenCalls
from traces.header import VERSION, Header, header_to_map
from traces.index import IndexBuilder
from traces.limits import BLOCK_BYTES
from traces.packing import new_packer
from traces.preamble import encode_header, seal_of
from traces.reader import Trace
from traces.sink import FileSink
from traces.summary import Outcome, Summary
from traces.tags import BLOCK_READ, CONSOLE_WRITE, NET_READ

DATA_AT: Mapping[str, tuple[int, int]] = {"net": (NET_READ, 4), "block": (BLOCK_READ, 5)}
"""What can be redacted: the tag of its events, and where in their array the bytes stand."""

CUT_TO = "cut_to"
"""Key of the header's options in a trace that was cut: the number of events that were left."""

_REDACTED_VERSION = (1, 1)
_DIGEST_BYTES = 4


class CannotRewrite(TraceError):
    """What was asked for does not fit this trace."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different: ``guest`` is the ELF file to embed (None: none), ``end`` how many
    events are left (None: all), ``redact`` names families of ``DATA_AT``."""

    guest: bytes | None
    end: int | None = None
    redact: frozenset[str] = frozenset()


@dataclass(slots=True)
class Rewritten:
    """What came of it; ``redacted`` counts events and bytes by family."""

    events: int = 0
    file_bytes: int = 0
    redacted: dict[str, tuple[int, int]] = field(default_factory=dict)


def rewrite(trace: Trace, out: Path | str, change: Change) -> Rewritten:
    """Make the new file ``out``. A trace without an end gets none.

    Raises CannotRewrite, TraceExists, TraceWriteError, and DamagedTrace for the first unsound byte;
    nothing is left of ``out`` then.
    """
    if trace.header.version[0] != VERSION[0]:
        raise WrongVersion(
            "a trace of an older format is not rewritten", path=trace.path, hint="record it again"
        )
    if change.end is not None and not 0 < change.end < trace.event_count:
        raise CannotRewrite(
            f"cannot be cut to {change.end} events: it has {trace.event_count}", path=trace.path
        )
    guest = trace.header.guest
    if change.guest is not None and hashlib.sha256(change.guest).digest() != guest.sha256:
        raise CannotRewrite(f"was not recorded of this guest, but of {guest.name}", path=trace.path)
    sink = FileSink(out)
    try:
        made = _Rewriting(trace, sink, change).make()
    except BaseException:
        sink.discard()
        raise
    sink.close()
    return made


class _Rewriting:
    def __init__(self, trace: Trace, sink: FileSink, change: Change) -> None:
        self._trace = trace
        self._sink = sink
        self._change = change
        self._end = trace.event_count if change.end is None else change.end
        self._blocks = BlockEncoder()
        self._index = IndexBuilder()
        self._pack = new_packer()
        self._made = Rewritten(redacted=dict.fromkeys(sorted(change.redact), (0, 0)))

    def make(self) -> Rewritten:
        self._begin()
        for head in self._trace.blocks(end_bytes=self._trace.layout.end_bytes):
            if head.tag == EVENTS:
                if head.first_event >= self._end:
                    break
                self._events(head)
            elif head.tag == DIGESTS:
                self._digests(head)
            elif head.tag not in (GUEST, REDACTED):
                self._store(head.tag, head.first_event, head.count, self._trace.payload(head))
        self._finish()
        self._made.file_bytes = self._sink.size_bytes
        return self._made

    def _begin(self) -> None:
        redacted = self._change.redact | self._trace.redacted
        data = encode_header(header_to_map(self._header(bool(redacted))))
        self._sink.write(data + self._blocks.encode(HEADER_SEAL, 0, len(data), seal_of(data)))
        guest = memoryview(self._change.guest or b"")
        for at in range(0, len(guest), BLOCK_BYTES):
            chunk = bytes(guest[at : at + BLOCK_BYTES])
            self._store(GUEST, 0, len(chunk), chunk)
        if redacted:
            self._store(REDACTED, 0, len(redacted), ",".join(sorted(redacted)).encode("ascii"))

    def _header(self, is_redacted: bool) -> Header:
        old = self._trace.header
        options = dict(old.options)
        if self._change.end is not None:
            options[CUT_TO] = self._change.end
        return replace(
            old,
            version=max(old.version, _REDACTED_VERSION) if is_redacted else old.version,
            guest=replace(old.guest, embedded=self._change.guest is not None),
            options=options,
        )

    def _events(self, head: BlockHead) -> None:
        """Differences of readings are to those before in the block, so that its beginning stays."""
        count = min(head.count, self._end - head.first_event)
        if count == head.count and not self._change.redact:
            payload = self._trace.payload(head)
        else:
            payload = b"".join(map(self._pack, self._changed(head, count)))
        self._store(EVENTS, head.first_event, count, payload)
        self._made.events += count

    def _changed(self, head: BlockHead, count: int) -> list[list[object]]:
        arrays = [array for array, _ in zip(self._trace.arrays(head), range(count), strict=False)]
        for family in self._change.redact:
            tag, at = DATA_AT[family]
            for array in arrays:
                data = array[at] if array[0] == tag and len(array) > at else None
                if isinstance(data, bytes) and data:
                    array[at] = redacted_bytes(data)
                    events, size = self._made.redacted[family]
                    self._made.redacted[family] = events + 1, size + len(data)
        return arrays

    def _digests(self, head: BlockHead) -> None:
        kept = [
            each for each in unpack_digests(self._trace.payload(head)) if each.event < self._end
        ]
        if kept:
            arrays = ([each.event, each.registers, each.memory] for each in kept)
            payload = b"".join(map(self._pack, arrays))
            self._store(DIGESTS, kept[0].event, len(kept), payload)

    def _store(self, tag: str, first_event: int, count: int, payload: bytes) -> None:
        self._index.note(tag, first_event, self._sink.size_bytes)
        self._sink.write(self._blocks.encode(tag, first_event, count, payload))

    def _finish(self) -> None:
        summary = self._trace.summary
        if self._change.end is not None:
            detail = f"cut on purpose at event {self._end} of {self._trace.event_count}"
            summary = Summary(
                Outcome.INTERRUPTED, 0, self._end, self._console_bytes(), None, detail
            )
        if summary is not None:
            ending = encode_ending(summary, self._index, self._sink.size_bytes, self._blocks)
            self._sink.write(ending)

    def _console_bytes(self) -> int:
        kept = takewhile(lambda call: call.event < self._end, GivenCalls(self._trace))
        return sum(call.length for call in kept if call.tag == CONSOLE_WRITE)


def redacted_bytes(data: bytes) -> bytes:
    """What stands for ``data``: as many bytes, its CRC-32C and zeros."""
    digest: bytes = crc32c(data).to_bytes(_DIGEST_BYTES, "big")
    return (digest + bytes(len(data)))[: len(data)]
