"""The native engine: the guest runs as a process, at the speed of the host's processor.

Its process has the guest's memory at the guest's own addresses and nothing else. Code that the host
protects against writing runs freely, with breakpoints at its sites; other code is executed one
instruction at a time, each one looked at first. What only ring 0 can do is done here instead.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Sequence

from monitors.ports import (
    Breakpoint,
    Exit,
    Interrupted,
    Protection,
    Registers,
    TargetReached,
    Watched,
)
from replay.engines.agents import CrossingAgent
from replay.engines.delivery import Raised
from replay.engines.native.agent import STOPPED, Agent
from replay.engines.native.agent_image import find_agent
from replay.engines.native.breakpoints import end_of_repeated
from replay.engines.native.child import SYS_MPROTECT, Child
from replay.engines.native.crossings import NativeCrossings
from replay.engines.native.debugging import Debuggable
from replay.engines.native.exits import Exits
from replay.engines.native.faults import Faults
from replay.engines.native.memory import LOWEST_GVA, Space
from replay.engines.native.open_pages import OpenPages
from replay.engines.native.pinning import Pinning
from replay.engines.native.processor import FLAG_TF, Processor
from replay.engines.native.ptrace import CONTINUE, RIP, SINGLE_STEP, SignalInfo
from replay.engines.native.seccomp import Rule
from replay.engines.native.stops import Stops
from replay.engines.native.text import Text
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.sensitive import sensitive_at
from replay.engines.sites import LONGEST_INSTRUCTION

_DB = 1
_U64 = (1 << 64) - 1
_SIGTRAP, _SIGSEGV, _SIGSYS = signal.SIGTRAP.value, signal.SIGSEGV.value, signal.SIGSYS.value
_FAULT_SIGNALS = frozenset(
    (signal.SIGSEGV, signal.SIGILL, signal.SIGFPE, signal.SIGBUS, signal.SIGTRAP)
)
_SI_KERNEL, _TRAP_TRACE = 0x80, 2
_NO_CROSSINGS = frozenset((Breakpoint, Watched, Interrupted))


class NativeEngine(Debuggable):
    """One guest as a process; see ``replay.engines.ports.Engine``.

    ``run`` and everything that touches registers must be called by the thread that made the first
    ``set_registers``; ``interrupt`` may come from any.
    """

    def __init__(self) -> None:
        self._ram: GuestRam | None = None
        self._protections: Sequence[Protection] = ()
        self._child: Child | None = None
        self._agent: Agent | None = None
        self._crossings: NativeCrossings | None = None
        self._closing = threading.Lock()
        self._interrupt_requested = False
        self._agent_stopped = False
        self._pinning: Pinning | None = None

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """See ``Engine.map``."""
        self._ram, self._protections = ram, tuple(protections)
        image = find_agent()
        self._agent = None if image is None else Agent(image)
        self._child = Child([ram.fd, *(self._agent.descriptors if self._agent else ())])

    def read(self, gpa: int, size: int) -> bytes:
        """See ``Engine.read``."""
        assert self._ram is not None
        return bytes(self._ram.view[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        """See ``Engine.write``."""
        assert self._ram is not None
        if self._dirty.readers or not self._stops.idle:
            self._accessed(gpa, len(data), True)
        if gpa >= self._text.end:
            self._ram.view[gpa : gpa + len(data)] = data
        else:
            self._put(gpa, data)

    def _put(self, gpa: int, data: bytes) -> None:
        assert self._ram is not None
        end = gpa + len(data)
        self._ram.view[gpa:end] = data
        for area in self._text.areas:
            if area.start < end and gpa < area.end:
                self._cpu.store()
                self._text.reload(gpa, end)

    def registers(self) -> Registers:
        """See ``Engine.registers``."""
        return self._cpu.all()

    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""
        if not hasattr(self, "_cpu"):
            self._boot(values)
            return
        self._cpu.update(values)
        if "rip" in values:
            self._placed(complete="cs" in values)

    def run(self) -> Exit:
        """See ``Engine.run``."""
        exit_ = self._run_to_exit()
        assert exit_ is not None, "the agent was not to answer anything"
        return exit_

    def step(self) -> Exit:
        """See ``Steps.step``. A repeated string instruction takes a step for each iteration; the
        delivery of an exception is none of its own."""
        while not self._interrupt_requested:
            self._has_crossed = False
            exit_ = self._step_at(self._cpu.words[RIP])
            if exit_ is not None:
                return exit_
            if self._exits.executed:
                hit = self._stops.take_hit()
                return TargetReached() if hit is None else Watched(self._cpu.words[RIP], hit)
        self._interrupt_requested = False
        return Interrupted()

    def interrupt(self) -> None:
        """See ``Engine.interrupt``."""
        self._interrupt_requested = True
        with self._closing:
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._child.tracee.pid, signal.SIGSTOP)

    def close(self) -> None:
        """See ``Engine.close``."""
        with self._closing:
            if self._child is not None:
                self._child.close()
                self._child = None
            self._end_debugging()
            if self._agent is not None:
                self._agent.close()
            if self._crossings is not None:
                self._crossings.close()
        if self._pinning is not None:
            self._pinning.end()
            self._pinning = None

    @property
    def agent(self) -> CrossingAgent | None:
        """See ``replay.engines.agents.HasAgent``."""
        if self._crossings is None and self._agent is not None:
            self._crossings = NativeCrossings(self._agent, self._run_to_exit, self._cpu.store)
        return self._crossings

    def _run_to_exit(self) -> Exit | None:
        """The next exit, or None where the agent has stopped the guest."""
        self._agent_stopped = False
        exit_ = self._run_freely() if self._stops.idle else self._run_among_stops()
        self._has_crossed = type(exit_) not in _NO_CROSSINGS
        return exit_

    def _run_freely(self) -> Exit | None:
        while not self._interrupt_requested:
            exit_ = self._advance()
            if exit_ is not None or self._agent_stopped:
                return exit_
        self._interrupt_requested = False
        return Interrupted()

    def _run_among_stops(self) -> Exit | None:
        begun_at = None if self._has_crossed else self._cpu.words[RIP]
        while not self._interrupt_requested:
            exit_, begun_at = self._advance_among_stops(begun_at)
            if exit_ is not None or self._agent_stopped:
                return exit_
        self._interrupt_requested = False
        return Interrupted()

    def _advance_among_stops(self, begun_at: int | None) -> tuple[Exit | None, int | None]:
        """``begun_at`` is where the run has begun, until the guest has left the breakpoint there;
        it is returned too."""
        rip, hit = self._cpu.words[RIP], self._stops.take_hit()
        if hit is not None:
            return Watched(rip, hit), begun_at
        if rip not in self._stops.addresses:
            return self._advance(), begun_at
        if rip != begun_at:
            return Breakpoint(rip), begun_at
        exit_, is_done = self._leave_breakpoint(rip)
        return exit_, None if is_done else begun_at

    def _leave_breakpoint(self, rip: int) -> tuple[Exit | None, bool]:
        """Execute the instruction there; also says whether it is done."""
        behind = end_of_repeated(self._space.fetch(rip, LONGEST_INSTRUCTION), rip)
        is_repeated = behind is not None
        is_free = self._text.holds(rip) and not self._cpu.flags & FLAG_TF
        if is_free and behind is not None and self._text.holds(behind):
            with self._stops.instead(rip, behind):
                exit_ = self._advance()
        else:
            exit_ = self._step_at(rip)
        is_done = self._cpu.words[RIP] != rip or (self._exits.executed and not is_repeated)
        return exit_, is_done

    def _step_at(self, rip: int) -> Exit | None:
        """One instruction, wherever it is; ``_executed`` says whether it ran."""
        if not self._text.holds(rip):
            self._cpu.store()
            self._text.admit(rip)
        self._exits.executed = False
        with self._stops.lifted(rip):
            return self._step(everywhere=True)

    # ---- the beginning

    def _boot(self, values: Registers) -> None:
        assert self._ram is not None
        assert self._child is not None
        child = self._child
        self._tracee = child.tracee
        self._resume = child.tracee.run if self._agent is None else self._resume_with_agent
        cpu = Processor(self._tracee)
        cpu.load(values)
        space = Space(self._ram, self._protections, cpu)
        agent = self._agent
        with child.permitted():
            child.clear(agent.regions if agent else ())
            space.map_into(child, 0)
            if agent is not None:
                agent.attach(child, 1, self._ram.size, self._protections)
            self._watch_writes(child)
            end = self._ram.size - 1
            arguments = {0: (LOWEST_GVA, end), 1: (1, end), 2: (0, 7)}
            rule = Rule(SYS_MPROTECT, (child.gate, child.gate), arguments)
            child.lock_down([rule, *(agent.rules() if agent else ())])
        cpu.load(values)  # remote calls have used the registers
        self._space, self._cpu = space, cpu
        self._text = Text(child, space, agent)
        self._sites = self._text.sites
        self._exits = Exits(cpu, space)
        self._faults = Faults(space, cpu.get)
        self._open_pages = OpenPages(child, space, cpu)
        self._begin_debugging(Stops(child, space, self._text, agent), space, agent)
        self._pinning = Pinning(child.tracee.pid)

    # ---- one stop

    def _advance(self) -> Exit | None:
        """Run to the next stop; ``None`` when it was the engine's own business."""
        cpu = self._cpu
        if self._open_pages.rights or cpu.flags & FLAG_TF:
            return self._step()
        cpu.store()
        number = self._resume(CONTINUE)
        rip = cpu.words[RIP]
        if number == _SIGSEGV:
            site = self._sites.get(rip)
            if site is not None:
                return self._exits.at_site(site)
        elif number == _SIGTRAP:
            if not self._stops.idle and self._comes_to_stop(rip):
                return None
            site = self._sites.get(rip - 1)
            if site is not None:
                cpu.go_to(rip - 1)
                return self._exits.at_site(site)
        return self._signalled(number, rip)

    def _comes_to_stop(self, rip: int) -> bool:
        """Whether the trap that RIP is behind belongs to somebody who debugs the guest."""
        if self._stops.by_register():
            return True
        if not self._stops.is_breakpoint(rip - 1):
            return False
        self._cpu.go_to(rip - 1)
        return True

    def _go(self, how: int) -> int:
        """Let the process run; returns the signal that stopped it."""
        self._cpu.store()
        return self._resume(how)

    def _resume_with_agent(self, how: int) -> int:
        assert self._agent is not None
        number = self._agent.go(how, self._cpu.flags)
        self._agent_stopped = number == STOPPED
        return number

    def _signalled(self, number: int, rip: int) -> Exit | None:
        if number == _SIGSYS:
            return self._exits.system_call(self._tracee.signal_info(), rip)
        if number not in _FAULT_SIGNALS:
            return None  # not the guest's doing, and not for it
        info = self._tracee.signal_info()
        if info.code <= 0:
            return None  # sent by another process
        if number == _SIGSEGV and info.code != _SI_KERNEL and self._begin_stepping(info, rip):
            return None
        if number == _SIGSEGV and info.code == _SI_KERNEL:
            site, _ = sensitive_at(self._space.fetch(rip, LONGEST_INSTRUCTION), rip)
            if site is not None:
                return self._exits.at_site(site)
        return self._exits.stopped(self._faults.stop_of(info, rip), rip)

    def _begin_stepping(self, info: SignalInfo, rip: int) -> bool:
        """Where the guest has come to code that nobody has looked at: vet it, or step through."""
        page_end = (rip & -PAGE_BYTES) + PAGE_BYTES
        if info.address not in (rip, page_end) or self._space.fetch_stop(info.address) is not None:
            return False
        if info.address != rip and not self._runs_into(rip, page_end):
            return False
        if self._text.holds(info.address):
            return False
        if self._text.admit(info.address):
            return True
        self._open_pages.open(info.address)
        return True

    def _runs_into(self, rip: int, page_end: int) -> bool:
        _, length = sensitive_at(self._space.fetch(rip, LONGEST_INSTRUCTION), rip)
        return rip + length > page_end

    # ---- one instruction at a time

    def _step(self, *, everywhere: bool = False) -> Exit | None:
        cpu = self._cpu
        rip, trap_flag = cpu.words[RIP], bool(cpu.flags & FLAG_TF)
        if self._text.holds(rip) and not trap_flag and not everywhere:
            self._open_pages.close()
            return None
        code = self._space.fetch(rip, LONGEST_INSTRUCTION)
        site, length = sensitive_at(code, rip)
        if site is not None:
            return self._exits.at_site(site)
        if not code:
            stop = self._space.fetch_stop(rip)
            assert stop is not None
            return self._exits.stopped(stop, rip)
        for at in {rip, (rip + max(length, 1) - 1) & _U64}:
            if not self._text.holds(at) and self._space.fetch_stop(at) is None:
                self._open_pages.open(at)
        number = self._go(SINGLE_STEP)
        rip = cpu.words[RIP]
        if number != _SIGTRAP:
            return self._signalled(number, rip)
        info = self._tracee.signal_info()
        if not self._stops.by_register() and info.code != _TRAP_TRACE:
            return self._signalled(number, rip)
        exit_ = self._exits.stopped(Raised(_DB), rip) if trap_flag else None
        self._exits.executed = True
        return exit_
