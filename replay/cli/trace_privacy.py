"""Which bytes that came from outside a trace holds, before it is given to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from replay.export.words import counted, one_line, size_text
from traces.framing import EVENTS
from traces.reader import Trace
from traces.rewrite import DATA_AT
from traces.tags import RANDOM_WORD

RANGES_MAX = 64


@dataclass(slots=True)
class Received:
    """Bytes from one device: ``first`` and ``last`` are the events that brought them, ``ranges``
    which parts of a block device they are, as ``[from, to)`` in bytes."""

    name: str
    family: str
    events: int = 0
    size: int = 0
    first: int = -1
    last: int = -1
    ranges: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Privacy:
    """All of them, by handle, and how many random numbers."""

    received: dict[tuple[str, int], Received] = field(default_factory=dict)
    random_words: int = 0


def privacy_of(trace: Trace) -> Privacy:
    """Look through all events; raises ``traces.errors.DamagedTrace``."""
    found = Privacy()
    names = {device.handle: one_line(device.name) for device in trace.header.boot.devices}
    families = {tag: (family, at) for family, (tag, at) in DATA_AT.items()}
    for event, array in _arrays(trace):
        if array[:1] == [RANDOM_WORD]:
            found.random_words += 1
        family, at = families.get(array[0], ("", 0)) if array else ("", 0)  # type: ignore[call-overload]
        data = array[at] if family and len(array) > at else None
        if isinstance(data, bytes) and data and isinstance(array[1], int):
            handle = array[1]
            name = names.get(handle, str(handle))
            one = found.received.setdefault((family, handle), Received(name, family, first=event))
            _add(one, event, len(data), array[2] if family == "block" else None)
    return found


def privacy_data(trace: Trace, found: Privacy) -> dict[str, object]:
    """As JSON has it."""
    return {
        "redacted": sorted(trace.redacted),
        "received": [_received_data(each) for each in found.received.values()],
        "random_words": found.random_words,
        "command_line_bytes": len(trace.header.boot.command_line),
        "guest_embedded": trace.header.guest.embedded,
        "host": dict(trace.header.host),
    }


def privacy_lines(trace: Trace, found: Privacy) -> Iterator[str]:
    """The same for people."""
    for each in found.received.values():
        what = "frame" if each.family == "net" else "read"
        moved = f"{size_text(each.size)} of {counted(each.events, what)}"
        yield f"{moved} from {each.family} {each.name}"
    if found.random_words:
        yield f"{counted(found.random_words, 'random number')}"
    if trace.redacted:
        yield f"REDACTED ({', '.join(sorted(trace.redacted))}): zeros stand for bytes, no replay"


def _received_data(each: Received) -> dict[str, object]:
    data: dict[str, object] = {
        "device": each.name,
        "family": each.family,
        "events": each.events,
        "bytes": each.size,
        "first_event": each.first,
        "last_event": each.last,
    }
    if each.family == "block":
        merged = merge(each.ranges)
        data["ranges"] = [list(part) for part in merged[:RANGES_MAX]]
        data["ranges_left_out"] = max(0, len(merged) - RANGES_MAX)
    return data


def _add(one: Received, event: int, size: int, offset: object) -> None:
    one.events += 1
    one.size += size
    one.last = event
    if isinstance(offset, int):
        one.ranges.append((offset, offset + size))
        if len(one.ranges) > 64 * RANGES_MAX:
            one.ranges = merge(one.ranges)


def merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes in as few ranges as possible, ascending."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _arrays(trace: Trace) -> Iterator[tuple[int, list[object]]]:
    for head in trace.blocks(end_bytes=trace.layout.end_bytes):
        if head.tag == EVENTS:
            yield from enumerate(trace.arrays(head), head.first_event)
