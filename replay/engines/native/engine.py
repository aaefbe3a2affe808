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
from operator import itemgetter

from monitors.ports import (
    Breakpoint,
    Exit,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    Registers,
    SystemCall,
    TargetReached,
    Trap,
    TrapKind,
    TripleFault,
    UserFault,
    Watched,
)
from replay.engines.agents import CrossingAgent
from replay.engines.delivery import Delivery, Fault, Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.agent import STOPPED, Agent
from replay.engines.native.agent_image import find_agent
from replay.engines.native.breakpoints import end_of_repeated
from replay.engines.native.child import SYS_MPROTECT, Child
from replay.engines.native.crossings import NativeCrossings
from replay.engines.native.debugging import Debuggable
from replay.engines.native.emulation import Emulation
from replay.engines.native.faults import Faults
from replay.engines.native.memory import (
    LOWEST_GVA,
    Space,
    Stop,
    StopDuringEmulation,
    with_execution,
)
from replay.engines.native.processor import FLAG_TF, Processor
from replay.engines.native.ptrace import CONTINUE, INDEX, RAX, RDX, RIP, SINGLE_STEP, SignalInfo
from replay.engines.native.seccomp import Rule
from replay.engines.native.stops import Stops
from replay.engines.native.text import Text
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.sensitive import sensitive_at
from replay.engines.sites import LONGEST_INSTRUCTION, Site, SiteKind

_DB, _UD, _GP = 1, 6, 13
_IA32_TSC = 0x10
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1
_SIGTRAP, _SIGSEGV, _SIGSYS = signal.SIGTRAP.value, signal.SIGSEGV.value, signal.SIGSYS.value
_FAULT_SIGNALS = frozenset(
    (signal.SIGSEGV, signal.SIGILL, signal.SIGFPE, signal.SIGBUS, signal.SIGTRAP)
)
_TRAP_TRACE = 2
_NO_CROSSINGS = frozenset((Breakpoint, Watched, Interrupted))
_arguments_of = itemgetter(*(INDEX[name] for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9")))
_TIME_TRAPS = {kind: Trap(kind) for kind in (TrapKind.RDTSC, TrapKind.RDTSCP)}
_LEGACY_VECTOR = 0x80


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
        self._executed = False
        self._opened: dict[int, tuple[int, int]] = {}
        self._affinity: tuple[int, set[int]] | None = None

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
        self._accessed(gpa, len(data), True)
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
        for name, value in values.items():
            self._cpu.set(name, value)
        self._note_registers(values)

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
            if self._executed:
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
        if self._affinity is not None:
            thread, before = self._affinity
            self._affinity = None
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, before)

    @property
    def agent(self) -> CrossingAgent | None:
        """See ``replay.engines.agents.HasAgent``."""
        if self._crossings is None and self._agent is not None:
            self._crossings = NativeCrossings(self._agent, self._run_to_exit, self._cpu.store)
        return self._crossings

    def _run_to_exit(self) -> Exit | None:
        exit_ = self._run_guest()
        self._has_crossed = type(exit_) not in _NO_CROSSINGS
        return exit_

    def _run_guest(self) -> Exit | None:
        self._agent_stopped = False
        words, stops = self._cpu.words, self._stops
        begun_at = None if self._has_crossed else words[RIP]
        while not self._agent_stopped:
            if self._interrupt_requested:
                self._interrupt_requested = False
                return Interrupted()
            rip, hit = words[RIP], stops.take_hit()
            if hit is not None:
                return Watched(rip, hit)
            if rip == begun_at and rip in stops.addresses:
                exit_, is_done = self._leave_breakpoint(rip)
                begun_at = None if is_done else begun_at
            elif rip in stops.addresses:
                return Breakpoint(rip)
            else:
                exit_ = self._advance()
            if exit_ is not None:
                return exit_
        return None

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
        is_done = self._cpu.words[RIP] != rip or (self._executed and not is_repeated)
        return exit_, is_done

    def _step_at(self, rip: int) -> Exit | None:
        """One instruction, wherever it is; ``_executed`` says whether it ran."""
        if not self._text.holds(rip):
            self._cpu.store()
            self._text.admit(rip)
        self._executed = False
        with self._stops.lifted(rip):
            return self._step(everywhere=True)

    # ---- the beginning

    def _boot(self, values: Registers) -> None:
        assert self._ram is not None
        assert self._child is not None
        child = self._child
        self._tracee = child.tracee
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
        self._emulation = Emulation(cpu, space)
        self._faults = Faults(space, cpu.get)
        self._delivery = Delivery(cpu, space)
        self._begin_debugging(Stops(child, space, self._text, agent), space, agent)
        self._pin()

    def _pin(self) -> None:
        """Keep the guest and the thread that serves it on one processor: a stop costs a quarter."""
        thread = threading.get_native_id()
        allowed = os.sched_getaffinity(thread)
        if len(allowed) < 2 or self._child is None:
            return
        chosen = {sorted(allowed)[self._child.tracee.pid % len(allowed)]}
        self._affinity = thread, allowed
        os.sched_setaffinity(thread, chosen)
        os.sched_setaffinity(self._child.tracee.pid, chosen)

    # ---- one stop

    def _advance(self) -> Exit | None:
        """Run to the next stop; ``None`` when it was the engine's own business."""
        if self._opened or self._cpu.flags & FLAG_TF:
            return self._step()
        number = self._go(CONTINUE)
        rip = self._cpu.words[RIP]
        if number == _SIGTRAP and self._stops.by_register():
            return None
        if number == _SIGSEGV:
            site = self._sites.get(rip)
            if site is not None:
                return self._at_site(site)
        elif number == _SIGTRAP:
            site = self._sites.get(rip - 1)
            is_breakpoint = self._stops.is_breakpoint(rip - 1)
            if site is not None or is_breakpoint:
                self._cpu.set("rip", rip - 1)
                return None if is_breakpoint or site is None else self._at_site(site)
        return self._signalled(number, rip)

    def _go(self, how: int) -> int:
        """Let the process run; returns the signal that stopped it."""
        self._cpu.store()
        if self._agent is not None:
            number = self._agent.go(how, self._cpu.flags)
            self._agent_stopped = number == STOPPED
            return number
        tracee = self._tracee
        tracee.resume(how)
        number = tracee.wait()
        tracee.fetch()
        return number

    def _signalled(self, number: int, rip: int) -> Exit | None:
        if number == _SIGSYS:
            return self._system_call(self._tracee.signal_info(), rip)
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
                return self._at_site(site)
        return self._stopped(self._faults.stop_of(info, rip), rip)

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
        self._open(info.address)
        return True

    def _runs_into(self, rip: int, page_end: int) -> bool:
        _, length = sensitive_at(self._space.fetch(rip, LONGEST_INSTRUCTION), rip)
        return rip + length > page_end

    # ---- one instruction at a time

    def _step(self, *, everywhere: bool = False) -> Exit | None:
        cpu = self._cpu
        rip, trap_flag = cpu.words[RIP], bool(cpu.flags & FLAG_TF)
        if self._text.holds(rip) and not trap_flag and not everywhere:
            self._close_pages()
            return None
        code = self._space.fetch(rip, LONGEST_INSTRUCTION)
        site, length = sensitive_at(code, rip)
        if site is not None:
            return self._at_site(site)
        if not code:
            stop = self._space.fetch_stop(rip)
            assert stop is not None
            return self._stopped(stop, rip)
        for at in {rip, (rip + max(length, 1) - 1) & _U64}:
            if not self._text.holds(at) and self._space.fetch_stop(at) is None:
                self._open(at)
        number = self._go(SINGLE_STEP)
        rip = cpu.words[RIP]
        if number != _SIGTRAP:
            return self._signalled(number, rip)
        info = self._tracee.signal_info()
        if not self._stops.by_register() and info.code != _TRAP_TRACE:
            return self._signalled(number, rip)
        exit_ = self._stopped(Raised(_DB), rip) if trap_flag else None
        self._executed = True
        return exit_

    def _open(self, gva: int) -> None:
        """Let the process execute the page at ``gva``, for a while."""
        page = gva & -PAGE_BYTES
        area = self._space.area(gva)
        if page in self._opened or area is None or self._child is None:
            return
        self._cpu.store()
        self._child.protect(page, PAGE_BYTES, with_execution(area.rights))
        self._opened[page] = PAGE_BYTES, area.rights

    def _close_pages(self) -> None:
        assert self._child is not None
        self._cpu.store()
        for page, (size, rights) in self._opened.items():
            self._child.protect(page, size, rights)
        self._opened.clear()

    # ---- exceptions

    def _stopped(self, stop: Stop, rip: int) -> Exit | None:
        if not isinstance(stop, Raised):
            return stop
        if self._cpu.user_mode:
            return self._user_fault(stop, rip)
        target = self._delivery.deliver(stop, rip)
        if isinstance(target, TripleFault):
            return target
        self._cpu.set("rip", target)
        self._executed = False
        return None

    def _user_fault(self, raised: Raised, rip: int) -> Exit:
        if raised.software and raised.vector == _LEGACY_VECTOR:
            return self._legacy_call(raised.next_rip or rip)
        at = raised.next_rip if raised.software and raised.next_rip else rip
        self._cpu.set("rip", at)
        return UserFault(at, raised.vector, raised.error_code or 0, raised.address or 0)

    # ---- system calls

    def _system_call(self, info: SignalInfo, rip: int) -> Exit | None:
        """The process has tried to call Linux, which the filter has kept from it."""
        if info.address >> 63:
            return self._legacy_page(info.address)
        if not self._cpu.user_mode:
            self._cpu.set("rip", rip - 2)
            return self._stopped(Raised(_UD), rip - 2)
        if self._space.fetch(rip - 2, 2) != b"\x0f\x05":
            return self._legacy_call(rip)
        return self._call_exit(rip, legacy=False)

    def _legacy_call(self, rip: int) -> Exit:
        self._cpu.set("rip", rip)
        return self._call_exit(rip, legacy=True)

    def _call_exit(self, rip: int, *, legacy: bool) -> SystemCall:
        words = self._cpu.words
        arguments = _arguments_of(words)
        return SystemCall(words[RAX], arguments, rip, self._cpu.get("rflags"), legacy)

    def _legacy_page(self, gva: int) -> Exit | None:
        """The guest has called into Linux's page of old calls, which for it does not exist; the
        kernel has returned from there already."""
        self._cpu.set("rsp", (self._cpu.get("rsp") - 8) & _U64)
        self._cpu.set("rip", gva)
        stop = self._space.stop_of(gva, write=False, fetch=True)
        assert stop is not None
        return self._stopped(stop, gva)

    # ---- sites

    def _at_site(self, site: Site) -> Exit | None:
        """The exit at a site; the guest goes on behind it."""
        self._executed = True
        try:
            match site.kind:
                case SiteKind.OUT | SiteKind.IN | SiteKind.HLT | SiteKind.RDMSR:
                    return self._privileged(site)
                case SiteKind.TRAP:
                    return self._trap(site)
                case SiteKind.EMULATE | SiteKind.REWRITE:
                    return self._emulate(site)
                case SiteKind.INVALID:
                    return self._stopped(Raised(_UD), site.address)
        except Fault as fault:
            return self._stopped(fault.raised, site.address)
        except StopDuringEmulation as stop:
            return stop.exit
        raise _refusal(site)

    def _emulate(self, site: Site) -> Exit | None:
        if self._cpu.user_mode and site.text in ("syscall", "sysenter"):
            behind = (site.address + site.length) & _U64
            self._cpu.set("rip", behind)
            return self._call_exit(behind, legacy=site.text == "sysenter")
        self._emulation.execute(site)
        while self._emulation.lost:
            rip = self._cpu.words[RIP]
            stop = self._space.fetch_stop(rip)
            if stop is None:
                raise _no_way_on(rip)
            exit_ = self._stopped(stop, rip)
            if exit_ is not None:
                return exit_
        return None

    def _privileged(self, site: Site) -> Exit | None:
        if self._cpu.user_mode:
            return self._stopped(Raised(_GP, 0), site.address)
        words = self._cpu.words
        behind = (site.address + site.length) & _U64
        if site.kind is SiteKind.RDMSR:
            return self._read_msr(behind)
        words[RIP] = behind
        self._cpu.changed = True
        if site.kind is SiteKind.HLT:
            return Hlt(site.address)
        port = words[RDX] & 0xFFFF if site.port is None else site.port
        if site.kind is SiteKind.IN:
            return PortRead(port, site.size)
        return PortWrite(port, words[RAX] & ((1 << 8 * site.size) - 1), site.size)

    def _read_msr(self, behind: int) -> Exit | None:
        cpu = self._cpu
        if cpu.get("rcx") & _U32 == _IA32_TSC:
            cpu.set("rip", behind)
            return _TIME_TRAPS[TrapKind.RDTSC]
        value = self._emulation.read_msr()
        cpu.set("rax", value & _U32)
        cpu.set("rdx", value >> 32)
        cpu.set("rip", behind)
        return None

    def _trap(self, site: Site) -> Trap:
        assert site.trap is not None
        cpu = self._cpu
        cpu.set("rip", (site.address + site.length) & _U64)
        if site.trap in _TIME_TRAPS:
            return _TIME_TRAPS[site.trap]
        if site.trap is TrapKind.CPUID:
            return Trap(site.trap, leaf=cpu.get("rax") & _U32, subleaf=cpu.get("rcx") & _U32)
        return Trap(
            site.trap,
            register=site.register,
            bits=site.bits,
            previous=cpu.get(site.register),
            rflags=cpu.get("rflags"),
        )


_SI_KERNEL = 0x80


def _no_way_on(rip: int) -> NotReproducible:
    why = "a process cannot follow the guest's own page tables"
    return NotReproducible(rip, "(code from here on)", why, "choose --engine unicorn")


def _refusal(site: Site) -> NotReproducible:
    why = "AVX, AVX-512 and BMI (VEX) instructions are not the same on every engine"
    remedy = "build the guest without them (for example -march=x86-64-v2)"
    if site.text.startswith("rdpmc"):
        why, remedy = "performance counters differ from run to run", "build the guest without it"
    return NotReproducible(site.address, site.text, why, remedy)
