"""Calls and results taken apart into the fields of an event, and results put together again.

The clocks and cycle counters are missing among the outputs: they depend on the reading before and
are the codec's own business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google_crc32c import value as crc32c

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import Cpuid, CpuidReading, RandomReading, RandomWord, ReadTsc, ReadTscp
from traces import tags
from traces.errors import BadEvent
from traces.events import KNOWN, KnownData, RecordedResult

Fields = tuple[object, ...]


def _digest(data: bytes) -> tuple[int, int]:
    return len(data), crc32c(data)


def _text(detail: str) -> bytes:
    return detail.encode("utf-8", "backslashreplace")


INPUTS_OF: Mapping[type[Call], Callable[[Any], Fields]] = {
    WallClock: lambda _call: (),
    MonotonicClock: lambda _call: (),
    ConsoleWrite: lambda call: _digest(call.data),
    Poll: lambda call: (call.timeout_ns,),
    BlockRead: lambda call: (call.handle, call.offset, call.length),
    BlockWrite: lambda call: (call.handle, call.offset, *_digest(call.data)),
    NetRead: lambda call: (call.handle, call.length),
    NetWrite: lambda call: (call.handle, *_digest(call.data)),
    Halt: lambda call: (call.status, *_digest(call.cookie)),
    Misuse: lambda call: (int(call.kind), _text(call.detail)),
    ReadTsc: lambda _call: (),
    ReadTscp: lambda _call: (),
    RandomWord: lambda call: (int(call.seed), call.bits),
    Cpuid: lambda call: (call.leaf, call.subleaf),
    SetTimer: lambda call: (call.at_ns,),
    WaitReady: lambda call: (call.timeout_ms,),
}
"""The input fields of each call."""


def _block_fields(result: BlockData | KnownData) -> Fields:
    return (0, None) if isinstance(result, KnownData) else (result.status, result.data)


OUTPUTS_OF: Mapping[type[Call], Callable[[Any], Fields]] = {
    ConsoleWrite: lambda _result: (),
    Poll: lambda result: (result.ready_set,),
    BlockRead: _block_fields,
    BlockWrite: lambda result: (result.status,),
    NetRead: lambda result: (result.status, result.data),
    NetWrite: lambda result: (result.status,),
    Halt: lambda _result: (),
    Misuse: lambda _result: (),
    RandomWord: lambda result: (result.value,),
    Cpuid: lambda result: (result.eax, result.ebx, result.ecx, result.edx),
    SetTimer: lambda _result: (),
    WaitReady: lambda result: (result.ready_set, int(result.timer_fired)),
}
"""The output fields of each call's result."""

_STATUSES = tuple(IoStatus(status) for status in range(4))


def _block_data_rule(array: Sequence[Any]) -> str:
    length, status, data = array[3:6]
    if data is None:
        return f"block data is known, but the status is {status}" if status else ""
    if len(data) != (0 if status else length):
        return f"{len(data)} bytes of block data for {length} with status {status}"
    return ""


def _net_frame_rule(array: Sequence[Any]) -> str:
    length, status, data = array[2:5]
    if len(data) > (0 if status else length):
        return f"{len(data)} bytes of frame for {length} with status {status}"
    return ""


def _random_rule(array: Sequence[Any]) -> str:
    bits, value = array[2:4]
    return f"a random value of {value:#x} has more than {bits} bits" if value >> bits else ""


RULE_OF: Mapping[int, Callable[[Sequence[Any]], str]] = {
    tags.BLOCK_READ: _block_data_rule,
    tags.NET_READ: _net_frame_rule,
    tags.RANDOM_WORD: _random_rule,
}
"""What is wrong between the fields of a tag, each of which has been checked; nothing if empty."""


def _obey(array: Sequence[Any]) -> None:
    reason = RULE_OF[array[0]](array)
    if reason:
        raise BadEvent(reason)


def _block_data(array: Sequence[Any]) -> BlockData | KnownData:
    _obey(array)
    return KNOWN if array[5] is None else BlockData(array[4], array[5])


def _net_frame(array: Sequence[Any]) -> NetFrame:
    _obey(array)
    return NetFrame(array[3], array[4])


def _random(array: Sequence[Any]) -> RandomReading:
    _obey(array)
    return RandomReading(array[3])


RESULT_FROM: Mapping[int, Callable[[Sequence[Any]], RecordedResult]] = {
    tags.CONSOLE_WRITE: lambda _array: DONE,
    tags.POLL: lambda array: PollResult(array[2]),
    tags.BLOCK_READ: _block_data,
    tags.BLOCK_WRITE: lambda array: _STATUSES[array[5]],
    tags.NET_READ: _net_frame,
    tags.NET_WRITE: lambda array: _STATUSES[array[4]],
    tags.HALT: lambda _array: DONE,
    tags.MISUSE: lambda _array: DONE,
    tags.RANDOM_WORD: _random,
    tags.CPUID: lambda array: CpuidReading(*array[3:7]),
    tags.SET_TIMER: lambda _array: DONE,
    tags.WAIT_READY: lambda array: ReadySet(array[2], bool(array[3])),
}
"""The result in an event's whole array, whose fields must have been checked; raises BadEvent."""
