"""Recorded events as lines for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from monitors.calls.block import BlockData
from monitors.calls.clock import ClockReading
from monitors.calls.lifecycle import Done
from monitors.calls.net import IoStatus, NetFrame
from monitors.calls.poll import PollResult
from monitors.calls.traps import CpuidReading, RandomReading, TscReading
from replay.cli.messages import one_line
from replay.cli.terminal import PLAIN, Palette
from traces.events import BytesDigest, CallField, Event, KnownData, RecordedResult
from traces.header import Header

_STATUS_NAMES = ("OK", "AGAIN", "EINVAL", "EUNSPEC")  # solo5.h, SOLO5_R_*
_NS_PER_S = 1_000_000_000
_PREVIEW_BYTES = 16
_ROW_BYTES = 16
_HANDLES = 64


class EventLines:
    """Writes events of one trace as single lines; devices are called by their names."""

    def __init__(self, header: Header, palette: Palette = PLAIN) -> None:
        self._palette = palette
        self._devices = {d.handle: one_line(d.name) for d in header.boot.devices}
        self._inputs: dict[str, Callable[[Any], str]] = {
            "handle": self._device,
            "timeout_ns": seconds,
            "leaf": hex,
            "subleaf": hex,
        }
        self._results: dict[type[RecordedResult], Callable[[Any], str]] = {
            Done: lambda _: "",
            ClockReading: lambda result: seconds(result.ns),
            PollResult: self._ready,
            BlockData: _transfer,
            NetFrame: _transfer,
            KnownData: lambda _: "OK, bytes that occur before",
            IoStatus: lambda result: _STATUS_NAMES[result.status],
            TscReading: lambda r: f"{r.cycles}, aux {r.aux}" if r.aux else str(r.cycles),
            RandomReading: lambda result: hex(result.value),
            CpuidReading: _cpuid,
        }

    def line(self, event: Event) -> str:
        """One event: ``#42 WallClock() = 1700000000.123456789``."""
        call, paint = event.call, self._palette.paint
        inputs = ", ".join(f"{name}={self._input(name, value)}" for name, value in call.fields)
        result = self._results[type(event.result)](event.result)
        number = paint(self._palette.number, f"#{event.index}")
        line = f"{number} {paint(self._palette.name, call.name)}({inputs})"
        return f"{line} = {result}" if result else line

    def _input(self, name: str, value: CallField) -> str:
        show = self._inputs.get(name)
        if show is not None:
            return show(value)
        return f"'{one_line(value)}'" if isinstance(value, str) else str(value)

    def _device(self, handle: int) -> str:
        name = self._devices.get(handle)
        return str(handle) if name is None else f"{handle} {name}"

    def _ready(self, result: PollResult) -> str:
        ready = [self._device(n) for n in range(_HANDLES) if result.ready_set >> n & 1]
        return f"ready {', '.join(ready)}" if ready else "time passed"


def seconds(ns: int) -> str:
    """Nanoseconds as decimal seconds, exactly."""
    whole, rest = divmod(ns, _NS_PER_S)
    return f"{whole}.{rest:09}"


def result_bytes(event: Event) -> bytes:
    """The bytes that a device gave, if any."""
    result = event.result
    return result.data if isinstance(result, BlockData | NetFrame) else b""


def hex_rows(data: bytes) -> Iterator[str]:
    """``data`` as rows of offset, hexadecimal bytes and ASCII."""
    for at in range(0, len(data), _ROW_BYTES):
        row = data[at : at + _ROW_BYTES]
        yield f"    {at:06x}  {row.hex(' '):<{3 * _ROW_BYTES - 1}}  |{_ascii(row)}|"


def event_data(event: Event) -> dict[str, object]:
    """An event as JSON has it: numbers as they are (up to 64 bits), bytes as hexadecimal text."""
    return {
        "event": event.index,
        "call": event.call.name,
        "inputs": {name: _input_data(value) for name, value in event.call.fields},
        "result": _result_data(event.result),
    }


def _input_data(value: CallField) -> object:
    if isinstance(value, BytesDigest):
        return {"length": value.length, "crc32c": f"{value.crc32c:08x}"}
    return value


def _result_data(result: RecordedResult) -> dict[str, object]:
    if isinstance(result, KnownData):
        return {"status": 0, "known": True}
    values = ((part.name, getattr(result, part.name)) for part in fields(result))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values}


def _transfer(result: BlockData | NetFrame) -> str:
    status, data = _STATUS_NAMES[result.status], result.data
    if not data:
        return status
    shown = data[:_PREVIEW_BYTES]
    more = "…" if len(data) > len(shown) else ""
    return f"{status}, {len(data)} bytes {shown.hex(' ')}{more} |{_ascii(shown)}{more}|"


def _cpuid(result: CpuidReading) -> str:
    return ", ".join(f"{part.name} {getattr(result, part.name):#x}" for part in fields(result))


def _ascii(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
