"""The Unicorn engine: emulates the guest anywhere, with exact stops.

Every block that Unicorn translates is *vetted* before it first runs: sites in it (port I/O,
``hlt``, nondeterministic instructions) become addresses where execution stops exactly before the
instruction, and instructions that Unicorn would compute wrongly are refused. So nothing is patched,
no site is missed, and code that a guest writes at run time is covered too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import unicorn
from unicorn import unicorn_const as uc_const
from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

from monitors.ports import (
    Exit,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    Registers,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    TripleFault,
    UnbackedAccess,
)
from replay.engines.errors import EngineFailure, NotReproducible
from replay.engines.paging import PageFault, translate
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.sites import Site, SiteKind, find_sites, straight_line
from replay.engines.unicorn import registers
from replay.engines.unicorn.callbacks import Callbacks, Reason, State, make_callbacks, make_state
from replay.engines.unicorn.exceptions import ExceptionUnit, Raised

_UD = 6
_LONGEST_INSTRUCTION = 15
_IA32_TSC = 0x10

_TIME_TRAPS = {kind: Trap(kind) for kind in (TrapKind.RDTSC, TrapKind.RDTSCP)}

_emu_start = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_size_t,
)(("uc_emu_start", uclib))


class UnicornEngine:
    """One guest under Unicorn; see ``replay.engines.ports.Engine`` and ``CountsInstructions``."""

    def __init__(self) -> None:
        self._uc = unicorn.Uc(uc_const.UC_ARCH_X86, uc_const.UC_MODE_64)
        # Westmere has every instruction of the virtual CPU and no RDRAND, which no hook can catch.
        self._uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_WESTMERE)
        # An end address would be probed at every start, which leaves an exception pending.
        self._uc.ctl_exits_enabled(True)
        self._handle = self._uc._uch  # noqa: SLF001 (raw calls need the handle)
        self._sites: dict[int, Site] = {}
        self._site_hooks: dict[int, int] = {}
        self._volatile_sites: set[int] = set()
        self._vetted_entries: set[int] = set()
        self._state = State()
        self._pc = 0
        self._booted = False
        self._interrupt_requested = False
        self._count_hook: int | None = None
        self._value = ctypes.c_uint64()
        self._value_pointer = ctypes.byref(self._value)

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """See ``Engine.map``."""
        self._ram = ram
        self._uc.mem_map_ptr(0, ram.size, uc_const.UC_PROT_ALL, ram.address)
        readable = uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC
        for protection in protections:
            if not protection.writable:
                size = protection.end - protection.start
                self._uc.mem_protect(protection.start, size, readable)
        self._read_only = [p for p in protections if not p.writable]
        self._exceptions = ExceptionUnit(self._uc, self)
        self._code_pages = (ctypes.c_uint8 * (ram.size // PAGE_BYTES))()
        self._state = make_state(ram, self._code_pages, uclib, registers.CR3_ID)
        self._callbacks = make_callbacks(self._state, uclib)
        self._install(self._callbacks)

    def read(self, gpa: int, size: int) -> bytes:
        """See ``Engine.read``."""
        return bytes(self._ram.view[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        """See ``Engine.write``."""
        if not data:
            return
        end = gpa + len(data)
        self._ram.view[gpa:end] = data
        if any(self._code_pages[gpa // PAGE_BYTES : (end - 1) // PAGE_BYTES + 1]):
            self._forget_code(gpa, end)

    def peek(self, gpa: int, size: int) -> bytes | None:
        """Guest memory, or ``None`` where the machine has none."""
        return self.read(gpa, size) if gpa + size <= self._ram.size else None

    def poke(self, gpa: int, data: bytes) -> bool:
        """Change guest memory as the processor would; false where it cannot."""
        end = gpa + len(data)
        if end > self._ram.size or self._is_read_only(gpa, end):
            return False
        self.write(gpa, data)
        return True

    def registers(self) -> Registers:
        """See ``Engine.registers``."""
        return {**registers.read_all(self._uc), "rip": self._pc}

    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""
        if not self._booted:
            registers.load_boot_state(self._uc, dict(values))
            self._state.flat_cr3 = values["cr3"]
            self._pc = values["rip"]
            self._booted = True
            return
        for name, value in values.items():
            if name == "rip":
                self._pc = value
            else:
                self._write_register(registers.UNICORN_ID[name], value)

    def run(self) -> Exit:
        """See ``Engine.run``."""
        while True:
            if self._interrupt_requested:
                self._interrupt_requested = False
                return Interrupted()
            exit_ = self._advance()
            if exit_ is not None:
                return exit_

    def run_instructions(self, count: int) -> Exit:
        """See ``CountsInstructions.run_instructions``."""
        self._start_counting(count)
        try:
            return self.run()
        finally:
            self._stop_counting()

    @property
    def instructions_retired(self) -> int:
        """See ``CountsInstructions.instructions_retired``."""
        return int(self._state.count)

    def interrupt(self) -> None:
        """See ``Engine.interrupt``. A caller repeats it until ``run`` has returned, since a request
        between two starts of the emulator is seen only at the next stop."""
        self._interrupt_requested = True
        uclib.uc_emu_stop(self._handle)

    def close(self) -> None:
        """See ``Engine.close``."""
        self._uc = None
        self._ram.close()

    # ---- one start of the emulator

    def _advance(self) -> Exit | None:
        """Run to the next stop; ``None`` when it was the engine's own business."""
        if self._pc not in self._vetted_entries:
            self._vet_entry(self._pc)
        state = self._state
        state.reason = Reason.NONE
        error = _emu_start(self._handle, self._pc, 0, 0, 0)
        uclib.uc_reg_read(self._handle, registers.RIP_ID, self._value_pointer)
        self._pc = self._value.value
        reason = state.reason
        if reason == Reason.SITE:
            return self._at_site(self._sites[state.address])
        if reason == Reason.VET:
            self._vet(state.address, state.size)
            return None
        return self._other_stop(reason, error)

    def _other_stop(self, reason: int, error: int) -> Exit | None:
        match reason:
            case Reason.EXCEPTION:
                return self._deliver(self._exceptions.raised(self._state.detail))
            case Reason.INVALID:
                return self._invalid_instruction()
            case Reason.MEMORY:
                return self._memory_exit()
            case Reason.TARGET:
                return TargetReached()
        if self._interrupt_requested:
            return None
        if error:
            raise EngineFailure(f"Unicorn stopped at {self._pc:#x}: {unicorn.UcError(error)}")
        return None

    def _invalid_instruction(self) -> TripleFault | None:
        """What Unicorn cannot decode it leaves out of the block, and so out of what was vetted: a
        site after all, or an invalid opcode for the guest."""
        code = self._code(self._pc, _LONGEST_INSTRUCTION)
        here = [site for site in find_sites(code, self._pc) if site.address == self._pc]
        if not here:
            return self._deliver(Raised(_UD))
        if self._register_sites(code[: here[0].length], self._pc):
            self._forget_code(self._pc, self._pc + here[0].length)
        return None

    def _deliver(self, raised: Raised) -> TripleFault | None:
        if not raised.software:
            self._uncount()
        target = self._exceptions.deliver(raised, self._pc)
        if isinstance(target, TripleFault):
            return target
        self._pc = target
        return None

    def _memory_exit(self) -> Exit:
        gpa, kind = self._state.address, self._state.detail
        self._exceptions.probe.forget_previous()
        self._uncount()
        if kind == uc_const.UC_MEM_WRITE_PROT:
            return TranslationFault(self._pc, gpa)
        return UnbackedAccess(self._pc, gpa)

    # ---- sites

    def _at_site(self, site: Site) -> Exit | None:
        """The exit at a site; the guest goes on behind it."""
        if site.address in self._volatile_sites and self._has_changed(site):
            return None
        self._pc = site.address
        if self._count_hook is not None:
            self._uncount()
            if self._state.count >= self._state.target:
                return TargetReached()
        if site.kind is SiteKind.REFUSE:
            raise _refusal(site)
        self._pc = (site.address + site.length) & ((1 << 64) - 1)
        match site.kind:
            case SiteKind.OUT:
                return PortWrite(self._port(site), self._accumulator(site.size), site.size)
            case SiteKind.IN:
                return PortRead(self._port(site), site.size)
            case SiteKind.HLT:
                return Hlt(site.address)
            case SiteKind.RDMSR:
                return self._read_msr()
        return self._trap(site)

    def _port(self, site: Site) -> int:
        return site.port if site.port is not None else self._register("rdx") & 0xFFFF

    def _accumulator(self, size: int) -> int:
        return self._register("rax") & ((1 << (8 * size)) - 1)

    def _read_msr(self) -> Exit | None:
        number = self._register("rcx") & 0xFFFF_FFFF
        if number == _IA32_TSC:
            return _TIME_TRAPS[TrapKind.RDTSC]
        value = self._uc.msr_read(number)
        self.set_registers({"rax": value & 0xFFFF_FFFF, "rdx": value >> 32})
        return None

    def _trap(self, site: Site) -> Trap:
        assert site.trap is not None
        if site.trap is TrapKind.CPUID:
            leaf, subleaf = (self._register(name) & 0xFFFF_FFFF for name in ("rax", "rcx"))
            return Trap(site.trap, leaf=leaf, subleaf=subleaf)
        if site.trap in (TrapKind.RDTSC, TrapKind.RDTSCP):
            return _TIME_TRAPS[site.trap]
        return Trap(
            site.trap,
            register=site.register,
            bits=site.bits,
            previous=self._register(site.register),
            rflags=self._register("rflags"),
        )

    # ---- vetting

    def _vet_entry(self, pc: int) -> None:
        """Vet the code at an address where the emulator is started, since Unicorn reports no edge
        into the very first block."""
        length = min(PAGE_BYTES - pc % PAGE_BYTES + _LONGEST_INSTRUCTION, 256)
        code = self._code(pc, length)
        if code:
            self._register_sites(code[: straight_line(code, pc)], pc)
        self._vetted_entries.add(pc)

    def _vet(self, pc: int, size: int) -> None:
        code = self._code(pc, size)
        if self._register_sites(code, pc):
            self._forget_code(pc, pc + size)
        self._callbacks.mark_vetted(pc, size)
        self._vetted_entries.add(pc)

    def _register_sites(self, code: bytes, pc: int) -> bool:
        fresh = [site for site in find_sites(code, pc) if self._sites.get(site.address) != site]
        for site in fresh:
            at = site.address
            if at not in self._sites:
                hook = self._hook(uc_const.UC_HOOK_CODE, self._callbacks.site, at, at)
                self._site_hooks[at] = hook
            self._sites[at] = site
            if not self._is_read_only(at, at + site.length):
                self._volatile_sites.add(at)
        return bool(fresh)

    def _has_changed(self, site: Site) -> bool:
        """Whether the guest has overwritten a site since; it is then no longer one."""
        code = self._code(site.address, _LONGEST_INSTRUCTION)
        if any(now == site for now in find_sites(code, site.address)[:1]):
            return False
        del self._sites[site.address]
        self._volatile_sites.discard(site.address)
        self._unhook(self._site_hooks.pop(site.address))
        self._vetted_entries.discard(site.address)
        self._forget_code(site.address, site.address + _LONGEST_INSTRUCTION)
        return True

    def _code(self, pc: int, size: int) -> bytes:
        """Up to ``size`` bytes of code at a virtual address, as far as they are mapped."""
        cr3 = self._register("cr3")
        pieces = b""
        while len(pieces) < size:
            gva = (pc + len(pieces)) & ((1 << 64) - 1)
            gpa = translate(self.peek, cr3, gva)
            take = min(size - len(pieces), PAGE_BYTES - gva % PAGE_BYTES)
            if isinstance(gpa, PageFault) or (piece := self.peek(gpa, take)) is None:
                break
            self._code_pages[gpa // PAGE_BYTES] = 1
            pieces += piece
        return pieces

    def _forget_code(self, start: int, end: int) -> None:
        self._uc.ctl_remove_cache(start, end)
        self._exceptions.probe.forget_previous()  # the call above may leave one pending
        if self._vetted_entries:
            self._vetted_entries = {pc for pc in self._vetted_entries if not start <= pc < end}

    # ---- counting

    def _start_counting(self, count: int) -> None:
        self._state.count, self._state.target, self._state.last_counted = 0, count, 0
        self._uc.ctl_flush_tb()
        self._count_hook = self._hook(uc_const.UC_HOOK_CODE, self._callbacks.count, 1, 0)

    def _stop_counting(self) -> None:
        if self._count_hook is not None:
            self._unhook(self._count_hook)
        self._count_hook = None
        self._uc.ctl_flush_tb()

    def _uncount(self) -> None:
        """Take back the instruction at hand, which has been begun and not executed."""
        state = self._state
        if self._count_hook is not None and state.last_counted == self._pc:
            state.count -= 1
            state.last_counted = 0

    # ---- the binding

    def _install(self, callbacks: Callbacks) -> None:
        edge = uc_const.UC_HOOK_EDGE_GENERATED
        memory = uc_const.UC_HOOK_MEM_INVALID
        self._hook(edge, callbacks.edge, 1, 0)
        self._hook(uc_const.UC_HOOK_INTR, callbacks.exception, 1, 0)
        self._hook(uc_const.UC_HOOK_INSN_INVALID, callbacks.invalid, 1, 0)
        self._hook(memory, callbacks.memory, 1, 0)

    def _hook(self, kind: int, callback: Any, begin: int, end: int) -> int:
        """``uc_hook_add`` with a raw function, which the binding's own method does not take."""
        hook = ctypes.c_size_t()
        error = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(hook),
            ctypes.c_int(kind),
            ctypes.cast(callback, ctypes.c_void_p),
            ctypes.c_void_p(ctypes.addressof(self._state)),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if error:
            raise EngineFailure(f"Unicorn refused a hook: {unicorn.UcError(error)}")
        return hook.value

    def _unhook(self, hook: int) -> None:
        uclib.uc_hook_del(self._handle, ctypes.c_size_t(hook))

    def _is_read_only(self, start: int, end: int) -> bool:
        return any(p.start < end and start < p.end for p in self._read_only)

    def _register(self, name: str) -> int:
        uclib.uc_reg_read(self._handle, registers.UNICORN_ID[name], self._value_pointer)
        return self._value.value

    def _write_register(self, identifier: int, value: int) -> None:
        if value >> 64:
            self._uc.reg_write(identifier, value)
            return
        self._value.value = value
        uclib.uc_reg_write(self._handle, identifier, self._value_pointer)


def _refusal(site: Site) -> NotReproducible:
    why = "Unicorn computes AVX, AVX-512 and BMI (VEX) instructions wrongly"
    remedy = "build the guest without them (for example -march=x86-64-v2)"
    if site.text.startswith("rdpmc"):
        why, remedy = "performance counters differ from run to run", "build the guest without it"
    return NotReproducible(site.address, site.text, why, remedy)
