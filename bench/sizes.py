"""How much of a trace its events take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traces.framing import EVENTS, GUEST, HEADER_SEAL
from traces.reader import open_trace


@dataclass(frozen=True, slots=True)
class EventSizes:
    """``raw_bytes`` as encoded; ``stored_bytes`` is the file without its header and guest."""

    raw_bytes: int
    stored_bytes: int


def event_sizes(path: Path) -> EventSizes:
    """The sizes of all events of a trace together."""
    with open_trace(path) as trace:
        heads = list(trace.blocks())
        raw = sum(len(trace.payload(head)) for head in heads if head.tag == EVENTS)
    begin = max(head.end_bytes for head in heads if head.tag in (GUEST, HEADER_SEAL))
    return EventSizes(raw, path.stat().st_size - begin)
