"""Reading all of a trace to prove that every byte is as it was written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from traces.errors import DAMAGED, Corrupt
from traces.framing import EVENTS, BlockHead
from traces.reader import Trace


@dataclass(frozen=True, slots=True)
class Verification:
    """What a sound trace holds; ``blocks`` counts them by tag, sizes are in bytes."""

    complete: bool
    events: int
    digests: int
    guest_bytes: int
    file_bytes: int
    blocks: dict[str, int]


def verify(trace: Trace) -> Verification:
    """Check every checksum, event, digest, the guest, the index and all totals.

    Raises DamagedTrace for the first thing wrong; a trace that merely was not finished is sound.
    """
    if trace.damage is not None:
        raise trace.damage
    blocks = _check_blocks(trace)
    events = sum(1 for _ in trace.events())
    digests = _check_digests(trace)
    guest = trace.guest()
    guest_bytes = 0 if guest is None else len(guest)
    return Verification(
        trace.complete, events, digests, guest_bytes, trace.file.size_bytes, dict(blocks)
    )


def _check_blocks(trace: Trace) -> Counter[str]:
    """Every payload against its checksum, and every entry of the index against a block."""
    listed = iter(trace.layout.index.entries)
    expected = next(listed, None)
    counts: Counter[str] = Counter()
    for head in trace.blocks():
        trace.payload(head)
        counts[head.tag] += 1
        if expected is not None and head.offset_bytes == expected[1]:
            _check_entry(trace, head, expected[0])
            expected = next(listed, None)
    if expected is not None:
        raise _contradiction(trace, "the index lists a block that is not there", expected[1])
    return counts


def _check_entry(trace: Trace, head: BlockHead, first_event: int) -> None:
    if head.tag != EVENTS or head.first_event != first_event:
        raise _contradiction(trace, "the index names another block", head.offset_bytes)


def _check_digests(trace: Trace) -> int:
    """Digests belong to events of the trace, in ascending order."""
    count, last = 0, -1
    for digest in trace.digests():
        if not last < digest.event < trace.event_count:
            what = f"a digest of event {digest.event} follows that of {last}"
            raise _contradiction(trace, what, -1)
        last = digest.event
        count += 1
    return count


def _contradiction(trace: Trace, what: str, offset_bytes: int) -> Corrupt:
    return Corrupt(what, path=trace.path, offset_bytes=offset_bytes, hint=DAMAGED)
