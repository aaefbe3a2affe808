"""The live source: every call answered by the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockRead, BlockWrite
from monitors.calls.clock import MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Done, Halt, Misuse
from monitors.calls.net import NetRead, NetWrite
from monitors.calls.poll import Poll, SetTimer, WaitReady
from monitors.calls.traps import Cpuid, RandomWord, ReadTsc, ReadTscp
from monitors.vcpu import VirtualCpu
from replay.devices.block import BlockDevices, BlockImage, BlockStore
from replay.devices.clock import read_monotonic_clock, read_wall_clock
from replay.devices.console import Console
from replay.devices.entropy import read_random_word
from replay.devices.host_errors import HostErrorPolicy, ends_the_run
from replay.devices.net import NetDevices
from replay.devices.poll import Poller
from replay.devices.processor import CycleCounter, ProcessorIdentity
from replay.devices.tap import Interface
from replay.machine.ports import LaneBlock, LaneDevices

Handler = Callable[[Any], Result]


@dataclass(frozen=True, slots=True)
class HostSide:
    """What stands behind a guest's devices: stores and interfaces by handle, the console, the
    descriptor that an operator's stop makes readable, and what becomes of errors."""

    stores: Mapping[int, BlockStore] = field(default_factory=dict)
    interfaces: Mapping[int, Interface] = field(default_factory=dict)
    console: Console = field(default_factory=Console)
    stop_fd: int | None = None
    on_error: HostErrorPolicy = ends_the_run


_NOTHING = HostSide()


class LiveSource:
    """Dispatches each call to its device; a lane may take the descriptors over in between."""

    def __init__(self, cpu: VirtualCpu, tsc_hz: int, host: HostSide = _NOTHING) -> None:
        self._host = host
        block = BlockDevices(host.stores, host.on_error)
        net = NetDevices(host.interfaces, host.on_error)
        self._poller = poller = Poller(host.interfaces, host.stop_fd, host.on_error)
        self._counter = counter = CycleCounter(tsc_hz)
        self._handlers: dict[type[Call], Handler] = {
            WallClock: read_wall_clock,
            MonotonicClock: read_monotonic_clock,
            ConsoleWrite: host.console.write,
            Poll: poller.wait,
            SetTimer: poller.set_timer,
            WaitReady: poller.wait_ready,
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

    def lane_devices(self) -> LaneDevices:
        """See ``replay.machine.ports.OffersDescriptors``; overlays are no descriptors."""
        return LaneDevices(
            console_fd=self._host.console.fd,
            tsc_hz=self._counter.tsc_hz,
            stop_fd=self._host.stop_fd,
            nets={handle: interface.fd for handle, interface in self._host.interfaces.items()},
            blocks={
                handle: LaneBlock(store.fd, store.capacity_bytes, store.block_size)
                for handle, store in self._host.stores.items()
                if isinstance(store, BlockImage)
            },
        )

    @property
    def last_cycles(self) -> int:
        """See ``OffersDescriptors``."""
        return self._counter.last

    def note_cycles(self, last: int) -> None:
        """See ``OffersDescriptors``."""
        self._counter.last = max(self._counter.last, last)

    @property
    def timer_ns(self) -> int:
        """See ``OffersDescriptors``."""
        return self._poller.timer_ns

    def note_timer(self, at_ns: int) -> None:
        """See ``OffersDescriptors``."""
        self._poller.timer_ns = at_ns


def _end(_call: Halt | Misuse) -> Done:
    return DONE
