"""``solo5-trace info``: what a trace is, before anybody replays it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monitors.manifest import AttachedBlock, AttachedNet, Attachment
from replay.cli.trace_privacy import privacy_data, privacy_lines, privacy_of
from replay.export.words import counted, one_line, size_text
from traces.arrays import unpack_events
from traces.errors import DamagedTrace
from traces.framing import DIGESTS, EVENTS, GUEST
from traces.header import VERSION, Header, header_to_map
from traces.reader import Trace
from traces.summary import Outcome, Summary, summary_to_map
from traces.tags import SPECS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LABEL_CHARS = 10

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.HALTED: "the guest halted",
    Outcome.MISUSE: "the guest broke a rule of its target",
    Outcome.INTERRUPTED: "its operator stopped it",
    Outcome.HOST_FAILURE: "a device of the host failed",
    Outcome.REFUSED: "the engine could not go on",
    Outcome.SALVAGED: "not known, this was salvaged from a damaged trace",
}


@dataclass(slots=True)
class Tally:
    """What the blocks of a trace hold: events and digests counted, sizes in bytes.

    ``raw_bytes`` are those of events before compression, ``stored`` all blocks' in the file by tag.
    """

    events: Counter[str] = field(default_factory=Counter)
    digests: int = 0
    raw_bytes: int = 0
    stored: Counter[str] = field(default_factory=Counter)
    damage: DamagedTrace | None = None

    @property
    def event_count(self) -> int:
        """How many events could be read."""
        return self.events.total()


def tally(trace: Trace) -> Tally:
    """Count what ``trace`` holds, up to its first damage."""
    result = Tally(damage=trace.damage)
    try:
        _count(trace, result)
    except DamagedTrace as error:
        result.damage = result.damage or error
    return result


def _count(trace: Trace, result: Tally) -> None:
    present = trace.header.version[0] == VERSION[0]
    for head in trace.blocks(end_bytes=trace.layout.end_bytes):
        payload = trace.payload(head)
        result.stored[head.tag] += head.head_bytes + head.payload_bytes
        if head.tag == DIGESTS:
            result.digests += head.count
        elif head.tag == EVENTS:
            result.raw_bytes += len(payload)
            if present:
                # Ten times faster than whole events, of which only the tag is wanted.
                result.events.update(map(_name, unpack_events(payload)))
    if not present:
        result.events.update(event.call.name for event in trace.events())


def _name(array: list[object]) -> str:
    tag = array[0] if array else None
    spec = SPECS.get(tag) if isinstance(tag, int) else None
    return "(unknown)" if spec is None else spec.call.__name__


def info_text(trace: Trace, counts: Tally) -> str:
    """Everything for a person to read."""
    rows = [f"{one_line(trace.path)}: {_verdict(trace, counts)}"]
    for label, text in _rows(trace, counts):
        rows.append(f"{label:<{_LABEL_CHARS}}  {text}")
    return "\n".join(rows)


def info_json(trace: Trace, counts: Tally) -> str:
    """The same as one JSON object; bytes as hexadecimal text."""
    summary = trace.summary
    data = {
        "path": trace.path,
        "complete": trace.complete,
        "damage": None if counts.damage is None else str(counts.damage),
        "header": _header_data(trace.header),
        "ended": None if summary is None else _summary_data(summary),
        "events": {
            "count": counts.event_count,
            "by_call": dict(counts.events.most_common()),
            "raw_bytes": counts.raw_bytes,
            "stored_bytes": counts.stored[EVENTS],
        },
        "digests": counts.digests,
        "privacy": None if counts.damage else privacy_data(trace, privacy_of(trace)),
        "file_bytes": trace.file.size_bytes,
    }
    return json.dumps(data, indent=2)


def describe_end(summary: Summary | None) -> str:
    """How a run ended, in words."""
    if summary is None:
        return "not known, the recorder was killed"
    status = f" with status {summary.status}" if summary.outcome == Outcome.HALTED else ""
    detail = f": {one_line(summary.detail)}" if summary.detail else ""
    return f"{OUTCOMES[summary.outcome]}{status}{detail}"


def _verdict(trace: Trace, counts: Tally) -> str:
    size = size_text(trace.file.size_bytes)
    state = "complete" if trace.complete else "incomplete"
    if counts.damage is not None:
        state = "DAMAGED"
    major, minor = trace.header.version
    return f"{state}, {counted(counts.event_count, 'event')}, {size}, format {major}.{minor}"


def _rows(trace: Trace, counts: Tally) -> Iterator[tuple[str, str]]:
    yield from _header_rows(trace.header)
    yield "ended", describe_end(trace.summary)
    if trace.summary is not None:
        yield "console", counted(trace.summary.console_bytes, "byte")
    if counts.damage is not None:
        yield "damage", one_line(str(counts.damage))
    yield "events", _bytes_per_event(counts)
    for name, count in counts.events.most_common():
        yield "", f"{count:>10}  {name}"
    yield "digests", str(counts.digests)
    if counts.damage is None:
        for number, text in enumerate(privacy_lines(trace, privacy_of(trace))):
            yield "" if number else "received", text
    guest, events = counts.stored[GUEST], counts.stored[EVENTS]
    rest = trace.file.size_bytes - guest - events
    yield "file", f"guest {size_text(guest)}, events {size_text(events)}, rest {size_text(rest)}"


def _header_rows(header: Header) -> Iterator[tuple[str, str]]:
    guest, machine = header.guest, header.machine
    place = "embedded" if guest.embedded else "not in the trace"
    yield "guest", f"{one_line(guest.name)}, {guest.size} bytes, {place}"
    yield "", f"sha256 {guest.sha256.hex()}"
    yield "target", f"{one_line(guest.target)}, ABI version {guest.abi_version}"
    yield "command", f"'{one_line(_command_line(header))}'"
    heap = ", heap and stack executable" if header.boot.executable_heap else ""
    yield "memory", f"{size_text(machine.mem_size)}{heap}"
    cpu = machine.cpu.get("name", "unnamed")
    yield "cpu", f"{one_line(str(cpu))}, counter at {machine.tsc_hz / 1e6:g} MHz"
    yield "engine", one_line(machine.engine)
    for number, device in enumerate(header.boot.devices):
        yield "" if number else "devices", _device(device)
    if header.recorded_at_ns is not None:
        yield "recorded", _time(header.recorded_at_ns)
    yield "by", one_line(header.created_by)
    if header.host:
        yield "host", one_line(" ".join(map(str, header.host.values())))
    for number, (name, value) in enumerate(header.options.items()):
        yield "" if number else "options", one_line(f"{name} {value}")


def _device(device: Attachment) -> str:
    name = f"{device.handle} {one_line(device.name)}: "
    match device:
        case AttachedBlock():
            size = size_text(device.capacity_bytes)
            return f"{name}block, {size} in blocks of {device.block_size} bytes"
        case AttachedNet():
            return f"{name}net, {device.mac.hex(':')}, MTU {device.mtu}"


def _time(ns: int) -> str:
    try:
        return f"{_EPOCH + timedelta(seconds=ns // 10**9):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{ns} ns after 1970"


def _bytes_per_event(counts: Tally) -> str:
    if not counts.event_count:
        return "0"
    stored, raw = (size / counts.event_count for size in (counts.stored[EVENTS], counts.raw_bytes))
    return f"{counts.event_count}, {stored:.1f} bytes each ({raw:.1f} before compression)"


def _header_data(header: Header) -> dict[str, object]:
    data = {key: _plain(value) for key, value in header_to_map(header).items()}
    data["command_line"] = _command_line(header)
    return data


def _command_line(header: Header) -> str:
    return header.boot.command_line.decode("utf-8", "backslashreplace")


def _summary_data(summary: Summary) -> dict[str, object]:
    return {**summary_to_map(summary), "outcome": summary.outcome.name.lower()}


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case bytes():
            return value.hex()
        case _:
            return value
