"""The agent in a child: mapped, entered from jumps in the guest's code, and its stops understood.

Seen from the engine the guest never leaves its own code: ``go`` runs the process and gives every
stop the registers that the guest would have without jumps.
"""

from __future__ import annotations

import os
import signal
import socket
import weakref
from collections.abc import Sequence

from monitors.ports import Protection
from replay.engines.agents import Coverage
from replay.engines.errors import EngineFailure
from replay.engines.native.agent_image import AgentImage
from replay.engines.native.child import (
    FIRST_DESCRIPTOR,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_READ,
    PROT_WRITE,
    SYS_MMAP,
    Child,
)
from replay.engines.native.jumps import Jumps, TrampolinePart
from replay.engines.native.layout import DEVICES_MAX, SHARED_BYTES
from replay.engines.native.passing import SYS_RECVMSG, receive_descriptor, send_descriptor
from replay.engines.native.ptrace import NO_SYSTEM_CALL, ORIG_RAX, RAX, RIP, SINGLE_STEP
from replay.engines.native.seccomp import Rule
from replay.engines.native.shared import SharedMemory
from replay.engines.native.vdso import REGIONS, clock_function

STOPPED = -1
"""What ``Agent.go`` gives instead of a signal: behind a crossing that was the last one allowed, or
the first one after ``interrupt``."""

_IMAGE_AT = 1 << 24
_WINDOW_AT = 1 << 32
_SECTORS_AT = 3 << 32
SECTORS_BYTES_MAX = 1 << 27
"""The largest bitmap of known sectors: devices of 512 GiB."""

_MAP_FIXED = 0x10
_SYS_READ, _SYS_WRITE, _SYS_PREAD64, _SYS_PWRITE64 = 0, 1, 17, 18
_SYS_CLOCK_GETTIME, _SYS_PPOLL = 228, 271
_EINTR = 4
_RESTARTS = range((1 << 64) - 516, (1 << 64) - 511)  # ERESTARTSYS .. ERESTART_RESTARTBLOCK
_STEPS_MAX = 64
_REQUESTS_MAX = 50


class Agent:
    """One agent for one child. ``control`` is what it is told and what it tells."""

    def __init__(self, image: AgentImage) -> None:
        self._image = image
        self.memory = SharedMemory()
        self.control = self.memory.control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ours, self._theirs = ours.detach(), theirs.detach()
        self._file = os.memfd_create("solo5-agent-code", os.MFD_CLOEXEC)
        self._handed_over = weakref.finalize(self, _close_all, (self._theirs, self._file))
        self._end = weakref.finalize(self, os.close, self._ours)
        os.write(self._file, image.data)
        self._child: Child | None = None
        self._jumps: Jumps | None = None
        self._requests = 0

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the child must be given, in this order."""
        return self.memory.fd, self._file, self._theirs

    @property
    def jumps(self) -> Jumps:
        """Those by which the guest comes to the agent, once it is attached."""
        assert self._jumps is not None
        return self._jumps

    @property
    def coverage(self) -> Coverage:
        """See ``CrossingAgent``."""
        if self._jumps is None:
            return Coverage(reached=0, sites=0)
        reached = self._jumps.site_count
        return Coverage(reached, reached + len(self._jumps.sites_without))

    @property
    def regions(self) -> Sequence[str]:
        """What must not be cleared from the child."""
        return REGIONS

    def attach(
        self, child: Child, first: int, mem_size: int, protections: Sequence[Protection]
    ) -> None:
        """Map the agent into a child whose descriptors are the guest's memory as number 0 and the
        agent's own from number ``first`` on."""
        self._child = child
        self._handed_over()
        self.memory.close_file()
        self._first = first
        self._base = child.base + _IMAGE_AT
        self._map_image(child)
        window = child.base + _WINDOW_AT
        readable_writable = PROT_READ | PROT_WRITE
        child.map_file(window, mem_size, readable_writable, MAP_SHARED, descriptor=0, offset=0)
        self._clock, self._vdso = clock_function(child)
        control = self.control
        control.window, control.mem_size = window, mem_size
        control.clock_gettime = self._clock
        control.plain_start = _plain_start(protections)
        control.read_start = _read_start(protections)
        entry, shared = self._base + self._image.entry, self._base + self._image.shared
        self._jumps = Jumps(child, control, entry=entry, shared=shared)
        self._jumps.map_trampolines(mem_size)

    def rules(self) -> Sequence[Rule]:
        """What the child's filter must allow."""
        assert self._child is not None
        text = self._base, self._base + len(self._image.data)
        devices = {0: (0, FIRST_DESCRIPTOR - 1)}
        transfers = (_SYS_READ, _SYS_WRITE, _SYS_PREAD64, _SYS_PWRITE64)
        number = FIRST_DESCRIPTOR + self._first + 2
        gate = self._child.gate
        return (
            *(Rule(each, text, devices) for each in transfers),
            Rule(_SYS_PPOLL, text),
            Rule(_SYS_CLOCK_GETTIME, text),
            *((Rule(_SYS_CLOCK_GETTIME, self._vdso),) if self._clock else ()),
            Rule(SYS_RECVMSG, (gate, gate), {0: (number, number)}),
            Rule(SYS_MMAP, (gate, gate), {0: self._sectors, 2: (0, 3)}),
        )

    @property
    def _sectors(self) -> tuple[int, int]:
        assert self._child is not None
        start = self._child.base + _SECTORS_AT
        return start, start + DEVICES_MAX * SECTORS_BYTES_MAX - 1

    def map_sectors(self, handle: int, descriptor: int, size: int) -> int:
        """Map the bitmap of known sectors of a device from ``descriptor`` of this process; returns
        its address."""
        assert self._child is not None
        at = self._sectors[0] + handle * SECTORS_BYTES_MAX
        (number,) = self.give([descriptor])
        rights = PROT_READ | PROT_WRITE
        self._child.call(SYS_MMAP, at, size, rights, MAP_SHARED | _MAP_FIXED, number, 0)
        return at

    def give(self, descriptors: Sequence[int]) -> Sequence[int]:
        """Hand descriptors over; returns their numbers in the child."""
        child = self._child
        assert child is not None
        numbers = []
        for descriptor in descriptors:
            send_descriptor(self._ours, descriptor)
            numbers.append(receive_descriptor(child, FIRST_DESCRIPTOR + self._first + 2))
        return numbers

    def close(self) -> None:
        """Give back what the agent holds of the host; twice does no harm."""
        self._handed_over()
        self._end()
        self._child = None

    def go(self, how: int, virtual_flags: int) -> int:
        """Let the process run until a stop; returns the signal, or ``STOPPED``.

        ``virtual_flags`` are those of RFLAGS that are not the process's own.

        Raises EngineFailure when the process is gone or the agent is damaged.
        """
        assert self._child is not None
        tracee = self._child.tracee
        self._requests = 0
        self.control.virtual_flags = virtual_flags
        if how == SINGLE_STEP:
            self.jumps.remove()
        redirects = self.jumps.redirects
        if redirects:
            native = redirects.get(tracee.registers[RIP])
            if native is not None:
                self._set_rip(native)
        while True:
            tracee.resume(how)
            number = tracee.wait()
            answer = self._understand(number)
            if answer is not None:
                return answer

    def _understand(self, number: int) -> int | None:
        """The stop as the engine sees it; None to go on."""
        assert self._child is not None
        rip = self._child.tracee.fetch()[RIP]
        if number == signal.SIGTRAP:
            if rip == self._base + self._image.stopped + 1:
                self._set_rip(self.jumps.guest_of(self.control.resume))
                self.control.stop = 0
                return STOPPED
            site = self.jumps.trapped_site(rip - 1)
            if site is not None:
                rip = site + 1
                self._set_rip(rip)
        part = self.jumps.part_at(rip)
        if part is None and not self._is_agents(rip):
            if self.control.stop:
                return self._stopped_before(number, rip)
            return None if self._is_broken_into(number, rip) else number
        if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP):
            raise _damaged(f"{signal.Signals(number).name} at {rip:#x}")
        return self._leave(part, number)

    def _stopped_before(self, number: int, rip: int) -> int:
        """The agent was told to leave, and has left a crossing to the door: which then has not
        begun, and is made again when the guest goes on."""
        self.control.stop = 0
        behind = {signal.SIGTRAP.value: 1, signal.SIGSYS.value: 2}.get(number, 0)
        if not self.jumps.is_site(rip - behind):
            return number
        self._set_rip(rip - behind)
        return signal.SIGSTOP

    def _leave(self, part: TrampolinePart | None, number: int) -> int | None:
        """A signal has stopped the process outside of the guest's code."""
        assert self._child is not None
        tracee = self._child.tracee
        if part is not TrampolinePart.LEAVING:
            self._requests += 1
            if self._requests > _REQUESTS_MAX:
                raise _damaged(f"it does not come out of {tracee.registers[RIP]:#x}")
            self.control.stop = 1
            words = tracee.fetch()
            if words[ORIG_RAX] != NO_SYSTEM_CALL and words[RAX] in _RESTARTS:
                words[RAX] = (1 << 64) - _EINTR
                words[ORIG_RAX] = NO_SYSTEM_CALL
                tracee.store()
            return None
        for _ in range(_STEPS_MAX):
            tracee.resume(SINGLE_STEP)
            tracee.wait()
            if self.jumps.part_at(tracee.fetch()[RIP]) is None:
                return number
        raise EngineFailure("the guest's process does not come out of a trampoline")

    def _is_broken_into(self, number: int, rip: int) -> bool:
        """Whether somebody branched into the middle of a jump, which then is taken back."""
        at = rip - 1 if number == signal.SIGTRAP else rip
        if number == signal.SIGSTOP or not self.jumps.take_back(at):
            return False
        self._set_rip(at)
        return True

    def _is_agents(self, rip: int) -> bool:
        """Whether the process is in the agent, or in what the agent calls."""
        image = self._base, self._base + len(self._image.data)
        return any(start <= rip < end for start, end in (image, self._vdso))

    def _set_rip(self, rip: int) -> None:
        assert self._child is not None
        words = self._child.tracee.registers
        words[RIP], words[ORIG_RAX] = rip, NO_SYSTEM_CALL
        self._child.tracee.store()

    def _map_image(self, child: Child) -> None:
        code, shared = self._first + 1, self._first
        for part in self._image.parts:
            child.map_file(
                self._base + part.offset,
                part.size,
                part.protection,
                MAP_PRIVATE,
                descriptor=code,
                offset=part.offset,
            )
        child.map_file(
            self._base + self._image.shared,
            SHARED_BYTES,
            PROT_READ | PROT_WRITE,
            MAP_SHARED,
            descriptor=shared,
            offset=0,
        )


def _damaged(what: str) -> EngineFailure:
    return EngineFailure(
        f"the guest has damaged the agent in its process ({what}); record it without an agent: "
        "SOLO5_REPLAY_PURE_PYTHON=1"
    )


def _plain_start(protections: Sequence[Protection]) -> int:
    """Behind everything that cannot be written."""
    return max((each.end for each in protections if not each.writable), default=0)


def _read_start(protections: Sequence[Protection]) -> int:
    """Behind everything that cannot be read."""
    return max((each.end for each in protections if not each.readable), default=0)


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
