"""The native engine's agent behind its port: what it is told, and what becomes of its work."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator

from monitors.ports import Exit
from replay.engines.agents import AgentDevices, Coverage, FinishedEvents, Readings
from replay.engines.errors import EngineFailure
from replay.engines.native.agent import SECTORS_BYTES_MAX, Agent
from replay.engines.native.layout import DEVICES_MAX, SLOT_BYTES, Control, Mode, Target
from replay.engines.native.ring import EventRing
from replay.engines.ram import PAGE_BYTES

_TARGETS = {"hvt": Target.HVT, "spt": Target.SPT}
_BYTES_PER_BIT = 512 * 8
_ROOM_MAX = (1 << 64) - 1


class NativeClock:
    """``AgentClock`` in the shared memory."""

    def __init__(self, control: Control) -> None:
        self._control = control

    @property
    def last_cycles(self) -> int:
        """The last reading given out by RDTSC or RDTSCP."""
        return int(self._control.last_cycles)

    @last_cycles.setter
    def last_cycles(self, value: int) -> None:
        self._control.last_cycles = value

    @property
    def timer_ns(self) -> int:
        """When the guest's timer fires; 0: never."""
        return int(self._control.timer_ns)

    @timer_ns.setter
    def timer_ns(self, value: int) -> None:
        self._control.timer_ns = value


class NativeCrossings:
    """See ``replay.engines.agents.CrossingAgent``. ``run_guest`` runs the guest to its next exit,
    or to None where the agent has stopped it; ``settle`` gives the process its registers."""

    def __init__(
        self, agent: Agent, run_guest: Callable[[], Exit | None], settle: Callable[[], object]
    ) -> None:
        self._agent = agent
        self._run_guest = run_guest
        self._settle = settle
        self._control = agent.control
        self._ring = EventRing(agent.memory)
        self._room = 0
        self.clock = NativeClock(agent.control)
        self.full_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.close = weakref.finalize(self, os.close, self.full_fd)

    def record(self, target: str, devices: AgentDevices) -> bool:
        """See ``CrossingAgent``."""
        self._settle()
        (self._control.full_fd,) = self._agent.give([self.full_fd])
        return self._begin(Mode.RECORD, target, devices)

    def replay(self, target: str, devices: AgentDevices) -> bool:
        """See ``CrossingAgent``."""
        return self._begin(Mode.REPLAY, target, devices)

    def run(self, room: int) -> tuple[Exit | None, int]:
        """See ``CrossingAgent``."""
        control = self._control
        self._agent.jumps.install()
        self._room = room = min(room, _ROOM_MAX)
        control.budget = room
        try:
            exit_ = self._run_guest()
            self._check_budget()
            return exit_, room - control.budget
        finally:
            control.budget = 0

    def sealed(self) -> Iterator[FinishedEvents]:
        """See ``CrossingAgent``."""
        self._check_budget()
        yield from self._ring.sealed()

    def cut(self, *, stopped: bool, wait: Callable[[], object]) -> Iterator[FinishedEvents]:
        """See ``CrossingAgent``."""
        self._check_budget()
        yield from self._ring.sealed()
        if not self._ring.has_open:
            return
        self._ring.request_cut()
        if not stopped:
            wait()
            yield from self._ring.sealed()
        events = self._ring.open()
        if events is not None:
            yield events

    def take_printed(self) -> int:
        """See ``CrossingAgent``."""
        printed = int(self._control.console_bytes)
        self._control.console_bytes = 0
        return printed

    def feed(self, payload: bytes, offset: int, readings: Readings) -> None:
        """See ``CrossingAgent``."""
        self._agent.memory.put_recorded(payload, offset)
        self._control.prior[:] = readings

    def fed(self) -> tuple[int, Readings]:
        """See ``CrossingAgent``."""
        wall, monotonic, cycles, special_cycles = self._control.prior
        return min(int(self._control.in_at), SLOT_BYTES), (wall, monotonic, cycles, special_cycles)

    def console(self) -> bytes:
        """See ``CrossingAgent``."""
        return self._agent.memory.take_console()

    def _check_budget(self) -> None:
        if self._control.budget > self._room:
            raise EngineFailure("the guest has damaged the agent's memory in its process (budget)")

    @property
    def coverage(self) -> Coverage:
        """See ``CrossingAgent``."""
        return self._agent.coverage

    def _begin(self, mode: Mode, target: str, devices: AgentDevices) -> bool:
        control, give = self._control, self._agent.give
        if target not in _TARGETS:
            return False
        self._settle()
        control.target = int(_TARGETS[target])
        control.tsc_hz = devices.tsc_hz
        if devices.console_fd is not None:
            (control.console_fd,) = give([devices.console_fd])
        if devices.stop_fd is not None:
            (control.stop_fd,) = give([devices.stop_fd])
        for handle, fd in devices.nets.items():
            if handle < DEVICES_MAX:
                # A replay reads nothing from it; that there is one is all that counts.
                control.nets[handle] = give([fd])[0] if mode is Mode.RECORD else 0
        for handle in devices.blocks:
            self._add_block(handle, devices)
        control.mode = int(mode)
        return True

    def _add_block(self, handle: int, devices: AgentDevices) -> None:
        block = devices.blocks[handle]
        size = bitmap_bytes(block.capacity_bytes)
        if handle >= DEVICES_MAX or size > SECTORS_BYTES_MAX:
            return
        entry = self._control.blocks[handle]
        entry.capacity, entry.block_size = block.capacity_bytes, block.block_size
        entry.known = self._agent.map_sectors(handle, block.known_fd, size)
        (entry.fd,) = self._agent.give([block.fd])


def bitmap_bytes(capacity_bytes: int) -> int:
    """The size of a bitmap of known sectors, in whole pages."""
    return -(-capacity_bytes // (_BYTES_PER_BIT * PAGE_BYTES)) * PAGE_BYTES
