"""The live source: every call answered by the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockRead, BlockWrite
from monitors.calls.clock import MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Done, Halt, Misuse
from monitors.calls.net import NetRead, NetWrite
from monitors.calls.poll import Poll
from monitors.calls.traps import Cpuid, RandomWord, ReadTsc, ReadTscp
from monitors.vcpu import VirtualCpu
from replay.devices.block import BlockDevices, BlockStore
from replay.devices.clock import read_monotonic_clock, read_wall_clock
from replay.devices.console import Console
from replay.devices.entropy import read_random_word
from replay.devices.net import NetDevices
from replay.devices.poll import Poller
from replay.devices.processor import CycleCounter, ProcessorIdentity
from replay.devices.tap import Interface

Handler = Callable[[Any], Result]


class LiveSource:
    """Dispatches each call to its device."""

    def __init__(
        self,
        cpu: VirtualCpu,
        tsc_hz: int,
        *,
        stores: Mapping[int, BlockStore] | None = None,
        interfaces: Mapping[int, Interface] | None = None,
        console: Console | None = None,
        stop_fd: int | None = None,
    ) -> None:
        block, net = BlockDevices(stores or {}), NetDevices(interfaces or {})
        counter = CycleCounter(tsc_hz)
        self._handlers: dict[type[Call], Handler] = {
            WallClock: read_wall_clock,
            MonotonicClock: read_monotonic_clock,
            ConsoleWrite: (console or Console()).write,
            Poll: Poller(interfaces or {}, stop_fd).wait,
            BlockRead: block.read,
            BlockWrite: block.write,
            NetRead: net.read,
            NetWrite: net.write,
            Halt: _end,
            Misuse: _end,
            ReadTsc: counter.read,
            ReadTscp: counter.read,
            RandomWord: read_random_word,
            Cpuid: ProcessorIdentity(cpu).read,
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``."""
        return self._handlers[type(call)](call)


def _end(_call: Halt | Misuse) -> Done:
    return DONE
