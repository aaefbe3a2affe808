"""A scripted source: every answer is a pure function of what was asked before."""

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
from monitors.calls.traps import (
    Cpuid,
    RandomReading,
    RandomWord,
    ReadTsc,
    ReadTscp,
    TscReading,
)
from monitors.vcpu import VirtualCpu, virtual_cpu

_START_WALL_NS = 1_700_000_000_000_000_000
_EINVAL, _OK, _AGAIN = 2, 0, 1
_FOREVER_NS = (1 << 64) - 1


class ScriptedSource:
    """A small deterministic world: one seeded generator, virtual time, block devices in memory
    (``disks``: handle to contents), and network devices that deliver ``frames`` one by one."""

    def __init__(
        self,
        seed: int = 1,
        *,
        cpu: VirtualCpu | None = None,
        disks: dict[int, bytearray] | None = None,
        frames: dict[int, list[bytes]] | None = None,
    ) -> None:
        self.console = bytearray()
        self.sent: list[tuple[int, bytes]] = []
        self._random = random.Random(seed)
        self._ns = self._random.randrange(1 << 30)
        self._cpu = cpu or virtual_cpu("westmere")
        self._disks = disks or {}
        self._frames = frames or {}
        self._timer_ns = 0
        self._handlers: dict[type[Call], Callable[[Any], Result]] = {
            WallClock: lambda _: ClockReading(_START_WALL_NS + self._tick()),
            MonotonicClock: lambda _: ClockReading(self._tick()),
            ConsoleWrite: self._write_console,
            Poll: self._poll,
            SetTimer: self._set_timer,
            WaitReady: self._wait_ready,
            BlockRead: self._read_block,
            BlockWrite: self._write_block,
            NetRead: self._receive,
            NetWrite: self._send,
            Halt: lambda _: DONE,
            Misuse: lambda _: DONE,
            ReadTsc: lambda _: TscReading(self._tick()),
            ReadTscp: lambda _: TscReading(self._tick()),
            RandomWord: lambda call: RandomReading(self._random.getrandbits(call.bits)),
            Cpuid: lambda call: self._cpu.cpuid(call.leaf, call.subleaf),
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``."""
        return self._handlers[type(call)](call)

    def _tick(self) -> int:
        self._ns += self._random.randrange(200, 20_000)
        return self._ns

    def _write_console(self, call: ConsoleWrite) -> Result:
        self.console += call.data
        return DONE

    def _poll(self, call: Poll) -> PollResult:
        ready = sum(1 << handle for handle, frames in self._frames.items() if frames)
        if not ready:
            self._ns += call.timeout_ns
        return PollResult(ready)

    def _set_timer(self, call: SetTimer) -> Result:
        self._timer_ns = call.at_ns
        return DONE

    def _wait_ready(self, call: WaitReady) -> ReadySet:
        """Virtual time passes as far as it must; a wait for nothing at all ends at once."""
        ready = sum(1 << handle for handle, frames in self._frames.items() if frames)
        if not ready:
            limit = self._ns + call.timeout_ms * 1_000_000 if call.timeout_ms >= 0 else _FOREVER_NS
            until = min(self._timer_ns or _FOREVER_NS, limit)
            self._ns = max(self._ns, until) if until < _FOREVER_NS else self._ns
        return ReadySet(ready, 0 < self._timer_ns <= self._ns)

    def _read_block(self, call: BlockRead) -> BlockData:
        disk = self._disks.get(call.handle)
        end = call.offset + call.length
        if disk is None or call.offset >= len(disk) or end > len(disk):
            return BlockData(_EINVAL, b"")
        return BlockData(_OK, bytes(disk[call.offset : end]))

    def _write_block(self, call: BlockWrite) -> IoStatus:
        disk = self._disks.get(call.handle)
        end = call.offset + len(call.data)
        if disk is None or call.offset >= len(disk) or end > len(disk):
            return IoStatus(_EINVAL)
        disk[call.offset : end] = call.data
        return IoStatus(_OK)

    def _receive(self, call: NetRead) -> NetFrame:
        if call.handle not in self._frames:
            return NetFrame(_EINVAL, b"")
        queue = self._frames[call.handle]
        return NetFrame(_OK, queue.pop(0)[: call.length]) if queue else NetFrame(_AGAIN, b"")

    def _send(self, call: NetWrite) -> IoStatus:
        if call.handle not in self._frames:
            return IoStatus(_EINVAL)
        self.sent.append((call.handle, call.data))
        return IoStatus(_OK)
