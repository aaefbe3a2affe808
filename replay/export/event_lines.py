"""Events as lines for people and as plain data for programs.

A trace has only digests of the bytes that the guest gave; where a replay makes them again, they are
handed in as ``given``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from monitors.calls.block import BlockData
from monitors.calls.clock import ClockReading
from monitors.calls.lifecycle import Done
from monitors.calls.net import IoStatus, NetFrame
from monitors.calls.poll import PollResult, ReadySet
from monitors.calls.traps import CpuidReading, RandomReading, TscReading
from monitors.manifest import AttachedBlock
from replay.export.frames import frame_layers, frame_summary
from replay.export.words import counted, one_line
from traces.events import BytesDigest, CallField, Event, KnownData, RecordedResult
from traces.header import Header

_STATUS_NAMES = ("OK", "AGAIN", "EINVAL", "EUNSPEC")  # solo5.h, SOLO5_R_*
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_PREVIEW_BYTES = 16
_ROW_BYTES = 16
_HANDLES = 64
_TEXT_CHARS = 400
_LABELS = {
    "timeout_ns": "timeout",
    "timeout_ms": "timeout",
    "at_ns": "at",
}  # shown in seconds, as all times
_FRAME_CALLS = ("NetRead", "NetWrite")


class EventParts(NamedTuple):
    """An event's line in its parts; ``result`` is empty where the call has none."""

    number: str
    name: str
    inputs: str
    result: str

    def __str__(self) -> str:
        line = f"{self.number} {self.name}({self.inputs})"
        return f"{line} = {self.result}" if self.result else line


class EventLines:
    """Writes events of one trace as single lines; devices are called by their names."""

    def __init__(self, header: Header) -> None:
        self._devices = {d.handle: one_line(d.name) for d in header.boot.devices}
        self._block_sizes = {
            device.handle: device.block_size
            for device in header.boot.devices
            if isinstance(device, AttachedBlock)
        }
        self._inputs: dict[str, Callable[[Any], str]] = {
            "handle": self._device,
            "timeout_ns": seconds,
            "at_ns": seconds,
            "timeout_ms": lambda ms: "for ever" if ms < 0 else seconds(ms * _NS_PER_MS),
            "leaf": hex,
            "subleaf": hex,
        }
        self._results: dict[type[RecordedResult], Callable[[Any], str]] = {
            Done: lambda _: "",
            ClockReading: lambda result: seconds(result.ns),
            PollResult: self._ready,
            ReadySet: self._ready,
            BlockData: _transfer,
            NetFrame: _arrival,
            KnownData: lambda _: "OK, bytes that occur before",
            IoStatus: lambda result: _STATUS_NAMES[result.status],
            TscReading: lambda r: f"{r.cycles}, aux {r.aux}" if r.aux else str(r.cycles),
            RandomReading: lambda result: hex(result.value),
            CpuidReading: _cpuid,
        }

    def line(self, event: Event, given: bytes | None = None) -> str:
        """One event: ``#42 WallClock() = 1700000000.123456789``."""
        return str(self.parts(event, given))

    def parts(self, event: Event, given: bytes | None = None) -> EventParts:
        """The same for one who gives each part a look of its own."""
        call = event.call
        inputs = ", ".join(
            f"{_LABELS.get(name, name)}={self._input(event, name, value, given)}"
            for name, value in call.fields
        )
        result = self._results[type(event.result)](event.result)
        return EventParts(f"#{event.index}", call.name, inputs, result)

    def _input(self, event: Event, name: str, value: CallField, given: bytes | None) -> str:
        if isinstance(value, BytesDigest):
            return str(value) if given is None else _given(event.call.name, given)
        if name == "offset":
            return f"{value}{self._sectors(event)}"
        show = self._inputs.get(name)
        if show is not None:
            return show(value)
        return f"'{one_line(value)}'" if isinstance(value, str) else str(value)

    def _sectors(self, event: Event) -> str:
        """Which sectors a request covers; nothing where it is not one of whole sectors."""
        inputs = dict(event.call.fields)
        data, offset = inputs.get("data"), inputs["offset"]
        length = data.length if isinstance(data, BytesDigest) else inputs.get("length")
        handle = inputs["handle"]
        size = self._block_sizes.get(handle) if isinstance(handle, int) else None
        if not size or not isinstance(offset, int) or not isinstance(length, int):
            return ""
        first, count = offset // size, length // size
        if not count or offset % size or length % size:
            return ""
        return f" (sector {first})" if count == 1 else f" (sectors {first}-{first + count - 1})"

    def _device(self, handle: int) -> str:
        name = self._devices.get(handle)
        return str(handle) if name is None else f"{handle} {name}"

    def _ready(self, result: PollResult | ReadySet) -> str:
        ready = [self._device(n) for n in range(_HANDLES) if result.ready_set >> n & 1]
        if isinstance(result, ReadySet) and result.timer_fired:
            ready.append("timer")
        return f"ready {', '.join(ready)}" if ready else "time passed"


def seconds(ns: int) -> str:
    """Nanoseconds as decimal seconds, exactly."""
    whole, rest = divmod(ns, _NS_PER_S)
    return f"{whole}.{rest:09}"


def byte_rows(event: Event, given: bytes | None = None) -> Iterator[str]:
    """All bytes that the event is known to have moved, under the layers of a frame."""
    result = event.result
    moved = result.data if isinstance(result, BlockData | NetFrame) else given or b""
    if moved and event.call.name in _FRAME_CALLS:
        yield from (f"    {layer}" for layer in frame_layers(moved))
    yield from hex_rows(moved)


def hex_rows(data: bytes) -> Iterator[str]:
    """``data`` as rows of offset, hexadecimal bytes and ASCII."""
    for at in range(0, len(data), _ROW_BYTES):
        row = data[at : at + _ROW_BYTES]
        yield f"    {at:06x}  {row.hex(' '):<{3 * _ROW_BYTES - 1}}  |{_ascii(row)}|"


def event_data(event: Event, given: bytes | None = None) -> dict[str, object]:
    """An event as JSON has it: numbers as they are (up to 64 bits), bytes as hexadecimal text."""
    call, result = event.call, event.result
    data: dict[str, object] = {
        "event": event.index,
        "call": call.name,
        "inputs": {name: _input_data(call.name, value, given) for name, value in call.fields},
        "result": _result_data(result),
    }
    frame = result.data if isinstance(result, NetFrame) else given
    if frame and call.name in _FRAME_CALLS:
        data["frame"] = frame_layers(frame)
    return data


def _input_data(call: str, value: CallField, given: bytes | None) -> object:
    if not isinstance(value, BytesDigest):
        return value
    data: dict[str, object] = {"length": value.length, "crc32c": f"{value.crc32c:08x}"}
    if given is not None:
        data["bytes"] = given.hex()
        if call == "ConsoleWrite":
            data["text"] = given.decode("utf-8", "replace")
    return data


def _result_data(result: RecordedResult) -> dict[str, object]:
    if isinstance(result, KnownData):
        return {"status": 0, "known": True}
    values = ((part.name, getattr(result, part.name)) for part in fields(result))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values}


def _given(call: str, data: bytes) -> str:
    """What the guest gave, as its kind of call has it."""
    if call == "ConsoleWrite":
        return _quoted(data)
    if not data:
        return "<0 bytes>"
    shown = frame_summary(data) if call in _FRAME_CALLS else _preview(data)
    return f"<{counted(len(data), 'byte')}: {shown}>"


def _quoted(data: bytes) -> str:
    """Text as Python writes it, so that every byte can be told; as bytes where it is no UTF-8."""
    try:
        text: str | bytes = data.decode()
    except UnicodeDecodeError:
        text = data
    more = f"… ({len(data)} bytes)" if len(text) > _TEXT_CHARS else ""
    return f"{text[:_TEXT_CHARS]!r}{more}"


def _transfer(result: BlockData) -> str:
    return _with_status(result, _preview)


def _arrival(result: NetFrame) -> str:
    return _with_status(result, frame_summary)


def _with_status(result: BlockData | NetFrame, show: Callable[[bytes], str]) -> str:
    status, data = _STATUS_NAMES[result.status], result.data
    return f"{status}, {counted(len(data), 'byte')}: {show(data)}" if data else status


def _preview(data: bytes) -> str:
    shown = data[:_PREVIEW_BYTES]
    more = "…" if len(data) > len(shown) else ""
    return f"{shown.hex(' ')}{more} |{_ascii(shown)}{more}|"


def _cpuid(result: CpuidReading) -> str:
    return ", ".join(f"{part.name} {getattr(result, part.name):#x}" for part in fields(result))


def _ascii(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
