"""What a stop of the guest's process means: an exit, an exception of the guest's own, or nothing
that anybody else has to know of."""

from __future__ import annotations

import struct
from collections.abc import Callable

from monitors.ports import (
    Exit,
    Hlt,
    PortRead,
    PortWrite,
    SystemCall,
    Trap,
    TrapKind,
    TripleFault,
    UserFault,
)
from replay.engines.delivery import Delivery, Fault, Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.emulation import Emulation
from replay.engines.native.memory import Space, Stop, StopDuringEmulation
from replay.engines.native.processor import Processor
from replay.engines.native.ptrace import INDEX, RAX, RCX, RDX, RIP, SignalInfo
from replay.engines.sites import Site, SiteKind

_UD, _GP = 6, 13
_IA32_TSC = 0x10
_LEGACY_VECTOR = 0x80
_SYSCALL = b"\x0f\x05"
_SYSCALL_BYTES = len(_SYSCALL)
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1
# The kernel's order, in which what a system call takes is all in one place: r10 to rdi.
_TAKEN = struct.Struct("8Q")
_TAKEN_AT = 8 * INDEX["r10"]
_TIME_TRAPS = {kind: Trap(kind) for kind in (TrapKind.RDTSC, TrapKind.RDTSCP)}


class Exits:
    """Those of one guest. Wherever one of these methods returns None, the guest can go on.

    ``executed`` says whether the instruction that the process has come to is done; the delivery of
    an exception is not, and the engine sets it for what the process executes by itself.
    """

    def __init__(self, cpu: Processor, space: Space) -> None:
        self._cpu = cpu
        self._space = space
        self._user_mode = space.user_mode
        self._emulation = Emulation(cpu, space)
        self._delivery = Delivery(cpu, space)
        self.executed = False
        self._answers: dict[SiteKind, Callable[[Site], Exit | None]] = {
            SiteKind.OUT: self._port_write,
            SiteKind.IN: self._port_read,
            SiteKind.HLT: self._halt,
            SiteKind.RDMSR: self._read_msr,
            SiteKind.TRAP: self._trap,
            SiteKind.EMULATE: self._emulate,
            SiteKind.REWRITE: self._emulate,
            SiteKind.INVALID: self._invalid,
        }

    def stopped(self, stop: Stop, rip: int) -> Exit | None:
        """The instruction at ``rip`` could not be executed."""
        if not isinstance(stop, Raised):
            return stop
        if self._user_mode:
            return self._user_fault(stop, rip)
        target = self._delivery.deliver(stop, rip)
        if isinstance(target, TripleFault):
            return target
        self._cpu.go_to(target)
        self.executed = False
        return None

    def at_site(self, site: Site) -> Exit | None:
        """The guest is about to execute a site; it goes on behind it."""
        self.executed = True
        if self._user_mode and site.text == "syscall":  # as nearly always in user mode
            return self._call(site.address + _SYSCALL_BYTES, legacy=False)
        answer = self._answers.get(site.kind, _refuse)
        try:
            return answer(site)
        except Fault as fault:
            return self.stopped(fault.raised, site.address)
        except StopDuringEmulation as stop:
            return stop.exit

    def system_call(self, info: SignalInfo, rip: int) -> Exit | None:
        """The process has tried to call Linux, which the filter has kept from it."""
        if info.address >> 63:
            return self._legacy_page(info.address)
        if not self._user_mode:
            self._cpu.go_to(rip - 2)
            return self.stopped(Raised(_UD), rip - 2)
        return self._call(rip, legacy=self._space.fetch(rip - 2, 2) != _SYSCALL)

    # ---- exceptions and system calls of a guest in user mode

    def _user_fault(self, raised: Raised, rip: int) -> Exit:
        if raised.software and raised.vector == _LEGACY_VECTOR:
            return self._call(raised.next_rip or rip, legacy=True)
        at = raised.next_rip if raised.software and raised.next_rip else rip
        self._cpu.go_to(at)
        return UserFault(at, raised.vector, raised.error_code or 0, raised.address or 0)

    def _call(self, behind: int, *, legacy: bool) -> SystemCall:
        cpu = self._cpu
        cpu.go_to(behind)
        r10, r9, r8, rax, _rcx, rdx, rsi, rdi = _TAKEN.unpack_from(cpu.words, _TAKEN_AT)
        return SystemCall(rax, (rdi, rsi, rdx, r10, r8, r9), behind, cpu.rflags, legacy)

    def _legacy_page(self, gva: int) -> Exit | None:
        """The guest has called into Linux's page of old calls, which for it does not exist; the
        kernel has returned from there already."""
        self._cpu.set("rsp", (self._cpu.get("rsp") - 8) & _U64)
        self._cpu.go_to(gva)
        stop = self._space.stop_of(gva, write=False, fetch=True)
        assert stop is not None
        return self.stopped(stop, gva)

    # ---- sites

    def _emulate(self, site: Site) -> Exit | None:
        cpu = self._cpu
        if self._user_mode and site.text == "sysenter":
            return self._call(_behind(site), legacy=True)
        self._emulation.execute(site)
        while self._emulation.lost:
            rip = cpu.words[RIP]
            stop = self._space.fetch_stop(rip)
            if stop is None:
                raise _no_way_on(rip)
            exit_ = self.stopped(stop, rip)
            if exit_ is not None:
                return exit_
        return None

    def _invalid(self, site: Site) -> Exit | None:
        return self.stopped(Raised(_UD), site.address)

    def _port_write(self, site: Site) -> Exit | None:
        self._privileged(site)
        words = self._cpu.words
        port = words[RDX] & 0xFFFF if site.port is None else site.port
        return PortWrite(port, words[RAX] & ((1 << 8 * site.size) - 1), site.size)

    def _port_read(self, site: Site) -> Exit | None:
        self._privileged(site)
        port = self._cpu.words[RDX] & 0xFFFF if site.port is None else site.port
        return PortRead(port, site.size)

    def _halt(self, site: Site) -> Exit | None:
        self._privileged(site)
        return Hlt(site.address)

    def _read_msr(self, site: Site) -> Exit | None:
        cpu = self._cpu
        if self._user_mode:
            raise Fault(Raised(_GP, 0))
        if cpu.words[RCX] & _U32 == _IA32_TSC:
            cpu.go_to(_behind(site))
            return _TIME_TRAPS[TrapKind.RDTSC]
        value = self._emulation.read_msr()
        cpu.update({"rax": value & _U32, "rdx": value >> 32, "rip": _behind(site)})
        return None

    def _privileged(self, site: Site) -> None:
        """Pass over what only ring 0 may do; raises Fault."""
        cpu = self._cpu
        if self._user_mode:
            raise Fault(Raised(_GP, 0))
        cpu.go_to(_behind(site))

    def _trap(self, site: Site) -> Trap:
        assert site.trap is not None
        cpu = self._cpu
        cpu.go_to(_behind(site))
        reading = _TIME_TRAPS.get(site.trap)
        if reading is not None:
            return reading
        if site.trap is TrapKind.CPUID:
            words = cpu.words
            return Trap(site.trap, leaf=words[RAX] & _U32, subleaf=words[RCX] & _U32)
        return Trap(
            site.trap,
            register=site.register,
            bits=site.bits,
            previous=cpu.get(site.register),
            rflags=cpu.rflags,
        )


def _behind(site: Site) -> int:
    return (site.address + site.length) & _U64


def _no_way_on(rip: int) -> NotReproducible:
    why = "a process cannot follow the guest's own page tables"
    return NotReproducible(rip, "(code from here on)", why, "choose --engine unicorn")


def _refuse(site: Site) -> Exit | None:
    why = "AVX, AVX-512 and BMI (VEX) instructions are not the same on every engine"
    remedy = "build the guest without them (for example -march=x86-64-v2)"
    if site.text.startswith("rdpmc"):
        why, remedy = "performance counters differ from run to run", "build the guest without it"
    raise NotReproducible(site.address, site.text, why, remedy)
