"""A run as a timeline for ui.perfetto.dev: JSON in the Trace Event Format (Google, "Trace Event
Format", the JSON object form), which chrome://tracing and others read, too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from monitors.calls.names import FAMILIES
from replay.export.endings import ending_text
from replay.export.event_lines import EventLines
from replay.export.exporter import Write
from replay.export.times import FAMILY_OF, WAITING, EventSpans, EventTimes, Span
from replay.export.transfers import CONSOLE_NAME, transfer_of
from replay.export.words import counted, one_line
from traces.events import Event
from traces.header import Header

_Put = Callable[[Mapping[str, object]], object]

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_PID = 1
_GUEST_TRACK = 1
_TRACKS = {family: number for number, family in enumerate(FAMILIES, _GUEST_TRACK + 1)}
_TRACK_NAMES = {
    "traps": "trapped instructions",
    "poll": "waits",
    "end": "end",
}
_LINE_CHARS_MAX = 200
_RATE_WINDOWS = 1000
_RATE_WINDOW_NS_MIN = 1_000_000
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000


class PerfettoExporter:
    """Calls as slices on one track a family; waiting and running on a track of the guest's; bytes
    by device and events per second as counters; console lines and the end as instants."""

    calls: frozenset[str] = frozenset()

    def __init__(self, header: Header, times: EventTimes, spans: EventSpans, write: Write) -> None:
        """Writes everything in front of the events."""
        self._write = write
        self._spans = spans
        self._parts = EventLines(header).parts
        self._guest = _GuestTrack(self._put)
        self._rate = _Rate(self._put, spans.end_ns)
        self._lines = _Lines()
        self._moved: dict[str, list[int]] = {}
        self._names = {device.handle: one_line(device.name) for device in header.boot.devices}
        self._end_ns = self._count = 0
        self._begin(header, times)

    def take(self, event: Event, given: bytes | None) -> None:
        """See ``Exporter.take``."""
        name = event.call.name
        span = self._spans.span(event.index, _wait_ns_max(event))
        self._end_ns = span.end_ns
        self._count += 1
        parts = self._parts(event, given)
        about = {"event": event.index, "inputs": parts.inputs, "result": parts.result}
        self._put({**_slice(name, _TRACKS[FAMILY_OF[name]], span), "args": about})
        if name in WAITING:
            self._guest.waited(span)
        self._rate.count(span.end_ns)
        self._count_bytes(event, span.end_ns)
        if name == "ConsoleWrite" and given is not None:
            for line in self._lines.add(given):
                self._instant(one_line(line), "console", span.end_ns)
        elif (end := ending_text(event)) is not None:
            self._instant(end, "end", span.end_ns, scope="g")

    def finish(self) -> None:
        """See ``Exporter.finish``."""
        self._guest.end(self._end_ns)
        self._rate.end(self._end_ns)
        for line in self._lines.rest():
            self._instant(one_line(line), "console", self._end_ns)
        self._write(b"\n]}\n")

    @property
    def summary(self) -> str:
        """See ``Exporter.summary``."""
        return counted(self._count, "call")

    def _begin(self, header: Header, times: EventTimes) -> None:
        about = {
            "created_by": one_line(header.created_by),
            "guest": one_line(header.guest.name),
            "date_of_0_ns": str(times.date(0) - times.since_start(0)),
            "date_from": times.origin.value,
            "times": _times_text(self._spans),
        }
        head = json.dumps(about)
        self._write(f'{{"displayTimeUnit":"ns","otherData":{head},"traceEvents":[\n'.encode())
        name = {"name": one_line(header.guest.name)}
        self._write(json.dumps(_metadata("process_name", 0, name)).encode())
        tracks = {"guest": _GUEST_TRACK, **_TRACKS}
        for family, number in tracks.items():
            track = {"name": _TRACK_NAMES.get(family, family)}
            self._put(_metadata("thread_name", number, track))
            self._put(_metadata("thread_sort_index", number, {"sort_index": number}))

    def _count_bytes(self, event: Event, at_ns: int) -> None:
        moved = transfer_of(event)
        if moved is None or not (moved.bytes_in or moved.bytes_out):
            return
        device = moved.device
        known = self._names.get(device, str(device)) if isinstance(device, int) else CONSOLE_NAME
        total = self._moved.setdefault(known, [0, 0])
        total[0] += moved.bytes_in
        total[1] += moved.bytes_out
        self._put(_counter(f"{known} bytes", at_ns, {"in": total[0], "out": total[1]}))

    def _instant(self, name: str, family: str, at_ns: int, *, scope: str = "t") -> None:
        self._put({**_event("i", name[:_LINE_CHARS_MAX], _TRACKS[family], at_ns), "s": scope})

    def _put(self, event: Mapping[str, object]) -> None:
        self._write(b",\n" + _ENCODE(event).encode())


class _GuestTrack:
    """Waiting, and all between."""

    def __init__(self, put: _Put) -> None:
        self._put = put
        self._at_ns = 0

    def waited(self, span: Span) -> None:
        self.end(span.start_ns)
        self._put(_slice("waiting", _GUEST_TRACK, span))
        self._at_ns = span.end_ns

    def end(self, at_ns: int) -> None:
        """The guest was running until then."""
        if at_ns > self._at_ns:
            self._put(_slice("running", _GUEST_TRACK, Span(self._at_ns, at_ns)))


class _Rate:
    """Events per second, window by window; empty ones count nothing and are told once."""

    def __init__(self, put: _Put, end_ns: int) -> None:
        self._put = put
        self._window_ns = max(_RATE_WINDOW_NS_MIN, end_ns // _RATE_WINDOWS)
        self._window = self._events = 0

    def count(self, at_ns: int) -> None:
        window = at_ns // self._window_ns
        if window > self._window:
            self._tell()
            if window > self._window + 1:
                self._tell_rate((self._window + 1) * self._window_ns, 0)
            self._window, self._events = window, 0
        self._events += 1

    def end(self, at_ns: int) -> None:
        self._tell()
        self._tell_rate(at_ns, 0)

    def _tell(self) -> None:
        rate = self._events * _NS_PER_S // self._window_ns
        self._tell_rate(self._window * self._window_ns, rate)

    def _tell_rate(self, at_ns: int, rate: int) -> None:
        self._put(_counter("events per second", at_ns, {"events": rate}))


class _Lines:
    """The console's bytes as lines."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, data: bytes) -> list[str]:
        """Those that have come to their end."""
        self._rest += data
        *lines, last = self._rest.split(b"\n")
        self._rest = last[: 4 * _LINE_CHARS_MAX]
        return [_text(line) for line in lines]

    def rest(self) -> list[str]:
        return [_text(self._rest)] if self._rest else []


def _text(line: bytes | bytearray) -> str:
    return line[: 4 * _LINE_CHARS_MAX].rstrip(b"\r").decode("utf-8", "replace")


def _wait_ns_max(event: Event) -> int | None:
    """How long a wait can have taken; None where it has no limit."""
    inputs = dict(event.call.fields)
    match inputs:
        case {"timeout_ns": int(limit)}:
            return limit
        case {"timeout_ms": int(limit)} if limit >= 0:
            return limit * _NS_PER_MS
    return None


def _times_text(spans: EventSpans) -> str:
    if spans.is_counted:
        return "the guest read no clock that went on: a microsecond for each event"
    return (
        "from the guest's readings of its clocks; what lies between two of them is placed at even "
        "distances, waits take what other calls leave"
    )


def _us(ns: int) -> float:
    return ns / 1000


def _event(kind: str, name: str, track: int, at_ns: int) -> dict[str, object]:
    return {"ph": kind, "name": name, "pid": _PID, "tid": track, "ts": _us(at_ns)}


def _slice(name: str, track: int, span: Span) -> dict[str, object]:
    return {**_event("X", name, track, span.start_ns), "dur": _us(span.end_ns - span.start_ns)}


def _counter(name: str, at_ns: int, values: Mapping[str, int]) -> dict[str, object]:
    return {"ph": "C", "name": name, "pid": _PID, "ts": _us(at_ns), "args": values}


def _metadata(name: str, track: int, about: Mapping[str, object]) -> dict[str, object]:
    return {"ph": "M", "name": name, "pid": _PID, "tid": track, "args": about}
