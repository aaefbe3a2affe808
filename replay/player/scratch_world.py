"""The world of a diversion: it goes on from where the recording stands, and nothing is real.

Clocks go on ticking, block devices hold what the recording has shown of them and take writes for
themselves, and no frame ever arrives.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import Cpuid, RandomReading, RandomWord, ReadTsc, ReadTscp, TscReading
from monitors.manifest import AttachedBlock
from replay.machine.plan import MachinePlan
from replay.player.blocks import KnownBlocks
from replay.player.source import ConsoleSink
from traces.reader import Trace

_OK, _AGAIN, _EINVAL = 0, 1, 2
_TICK_NS = 1000
_NS_PER_MS = 1_000_000
_LOOK_BACK = (4096, 1 << 17)
_U64_MAX = (1 << 64) - 1
_CLOCKS = (WallClock, MonotonicClock)


class ScratchWorld:
    """See ``replay.machine.ports.Source``; the same answers to the same calls every time."""

    def __init__(
        self,
        trace: Trace,
        event: int,
        plan: MachinePlan,
        blocks: KnownBlocks,
        console: ConsoleSink,
    ) -> None:
        """Goes on before event number ``event``; ``blocks`` are only read."""
        self._readings = _last_readings(trace, event)
        self._ns = 0
        self._timer_ns = 0
        self._plan = plan
        self._sizes = {
            each.handle: each.capacity_bytes
            for each in plan.attachments
            if isinstance(each, AttachedBlock)
        }
        self._blocks = blocks
        self._written: dict[int, dict[int, bytes]] = {}
        self._random = random.Random(event)
        self._handlers: dict[type[Call], Callable[[Any], Result]] = {
            WallClock: lambda _: ClockReading(self._now(WallClock)),
            MonotonicClock: lambda _: ClockReading(self._now(MonotonicClock)),
            ReadTsc: lambda _: TscReading(self._cycles()),
            ReadTscp: lambda _: TscReading(self._cycles()),
            ConsoleWrite: lambda call: (console(call.data), DONE)[1],
            Poll: self._poll,
            SetTimer: self._set_timer,
            WaitReady: self._wait_ready,
            BlockRead: self._read_block,
            BlockWrite: self._write_block,
            NetRead: lambda _: NetFrame(_AGAIN, b""),
            NetWrite: lambda _: IoStatus(_OK),
            RandomWord: lambda call: RandomReading(self._random.getrandbits(call.bits)),
            Cpuid: lambda call: plan.cpu.cpuid(call.leaf, call.subleaf),
            Halt: lambda _: DONE,
            Misuse: lambda _: DONE,
        }

    def answer(self, call: Call) -> Result:
        """The result of one call."""
        self._ns += _TICK_NS
        return self._handlers[type(call)](call)

    def _now(self, clock: type[Call]) -> int:
        return (self._readings.get(clock.__name__, 0) + self._ns) & _U64_MAX

    def _cycles(self) -> int:
        last = max(self._readings.get(clock.__name__, 0) for clock in (ReadTsc, ReadTscp))
        return (last + self._ns * self._plan.tsc_hz // 1_000_000_000) & _U64_MAX

    def _poll(self, call: Poll) -> PollResult:
        self._ns += call.timeout_ns
        return PollResult(0)

    def _set_timer(self, call: SetTimer) -> Result:
        self._timer_ns = call.at_ns
        return DONE

    def _wait_ready(self, call: WaitReady) -> ReadySet:
        now = self._now(MonotonicClock)
        limit = now + call.timeout_ms * _NS_PER_MS if call.timeout_ms >= 0 else _U64_MAX
        until = min(self._timer_ns or _U64_MAX, limit)
        if now < until < _U64_MAX:
            self._ns += until - now
        return ReadySet(0, 0 < self._timer_ns <= self._now(MonotonicClock))

    def _read_block(self, call: BlockRead) -> BlockData:
        if not self._is_inside(call.handle, call.offset, call.length):
            return BlockData(_EINVAL, b"")
        data = bytearray(self._blocks.contents(call.handle, call.offset, call.length))
        for at, written in self._written.get(call.handle, {}).items():
            low, high = max(at, call.offset), min(at + len(written), call.offset + call.length)
            if low < high:
                data[low - call.offset : high - call.offset] = written[low - at : high - at]
        return BlockData(_OK, bytes(data))

    def _write_block(self, call: BlockWrite) -> IoStatus:
        if not self._is_inside(call.handle, call.offset, len(call.data)):
            return IoStatus(_EINVAL)
        changes = self._written.setdefault(call.handle, {})
        changes.pop(call.offset, None)  # the last write shall be the last in the order
        changes[call.offset] = call.data
        return IoStatus(_OK)

    def _is_inside(self, handle: int, offset: int, length: int) -> bool:
        size = self._sizes.get(handle, 0)
        return offset < size and offset + length <= size


def _last_readings(trace: Trace, event: int) -> dict[str, int]:
    """What the clocks said last before an event, by the names of the calls; those not read lately
    are left out."""
    found: dict[str, int] = {}
    for span in _LOOK_BACK:
        for each in trace.events(max(0, event - span)):
            if each.index >= event:
                break
            if isinstance(each.result, ClockReading | TscReading):
                reading = each.result
                value = reading.ns if isinstance(reading, ClockReading) else reading.cycles
                found[each.call.name] = value
        if all(clock.__name__ in found for clock in _CLOCKS):
            break
    return found
