"""The KVM engine: the guest runs on the host's processor, in a virtual machine of the kernel.

KVM leaves the guest for port I/O by itself. In code that the host protects against writing, what is
not deterministic has been replaced by port writes (``text``); what a guest writes at run time runs
as it is. Where the kernel cannot go on, ``CannotGoOn`` says so and the state is whole.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Collection, Sequence
from threading import get_ident
from typing import Protocol

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
from replay.engines.errors import CannotGoOn, NoDebugRegister, NotReproducible
from replay.engines.kvm import api, msrs
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.debugging import SLOTS_MAX, GuestDebug
from replay.engines.kvm.interruption import Interruption
from replay.engines.kvm.memory import SlotMemory
from replay.engines.kvm.mmio import writer_before
from replay.engines.kvm.pages import LogsPages, Pages
from replay.engines.kvm.processor import RAX_AT, RIP_AT, Processor
from replay.engines.kvm.quirks import watchpoints_fire
from replay.engines.kvm.text import PORTS, Sites, refusal_of
from replay.engines.kvm.vcpu import VirtualProcessor
from replay.engines.kvm.vm import VirtualMachine
from replay.engines.ports import Snapshot, Watchpoint
from replay.engines.ram import GuestRam
from replay.engines.sites import Site, SiteKind

_UD, _DF = 6, 8
_FLAG_TF = 0x100
_STATE = frozenset(("cs", "cr0", "cr3", "efer", "gdtr_base"))
_DIRECT = frozenset(api.GENERAL) - {"rip"}
_U32_MAX = (1 << 32) - 1
_REASON, _DETAIL = api.EXIT_REASON_AT // 4, api.DETAIL_AT // 4  # as words of the shared page
_IO = int(ExitReason.IO)
_WIDTHS = {size: (1 << 8 * size) - 1 for size in (1, 2, 4)}
_QUAD = struct.Struct("<Q")
_TIME_TRAPS = {kind: Trap(kind) for kind in (TrapKind.RDTSC, TrapKind.RDTSCP)}
_PUSH_FLAGS = (b"\x9c", b"\x66\x9c", b"\x48\x9c")
_HLT = b"\xf4"
_INTERNAL = {1: "the kernel's emulator does not know the instruction"}


class Machine(LogsPages, Protocol):
    """What the engine needs of a virtual machine."""

    @property
    def vcpu(self) -> VirtualProcessor: ...

    def close(self) -> None: ...


class KvmEngine:
    """One guest under KVM; see ``replay.engines.ports``: ``Engine``, ``Steps``, ``Breaks``,
    ``Watches``, ``TracksDirtyPages`` and ``Snapshots``."""

    def __init__(
        self,
        make_machine: Callable[[], Machine] = VirtualMachine,
        can_watch: Callable[[], bool] = watchpoints_fire,
    ) -> None:
        self._machine = make_machine()
        self._can_watch = can_watch
        vcpu = self._machine.vcpu
        self._page = vcpu.page
        self._words = memoryview(self._page).cast("I")
        self._enter = vcpu.enter
        self._cpu = Processor(vcpu)
        self._debug = GuestDebug(vcpu)
        self._interruption = Interruption(vcpu)
        self._sites = Sites()
        self._memory: SlotMemory | None = None
        self._is_incomplete = False
        self._exits: dict[int, Callable[[], Exit | None]] = {
            ExitReason.HLT: self._hlt_exit,
            ExitReason.MMIO: self._memory_exit,
            ExitReason.SHUTDOWN: self._shutdown,
            ExitReason.DEBUG: self._debug_exit,
            ExitReason.READ_MSR: self._msr_exit,
            ExitReason.WRITE_MSR: self._msr_exit,
            ExitReason.SET_TPR: lambda: None,
            ExitReason.INTR: lambda: None,
        }

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """See ``Engine.map``."""
        self._memory = SlotMemory(ram, protections, self._sites.patch)
        self._machine.set_memory(self._memory.slots())
        self._pages = Pages(self._machine, ram, self._memory.slots)

    def read(self, gpa: int, size: int) -> bytes:
        """See ``Engine.read``."""
        return bytes(self._mapped.ram.view[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        """See ``Engine.write``."""
        self._mapped.write(gpa, data)
        self._pages.note(gpa, len(data))

    def registers(self) -> Registers:
        """See ``Engine.registers``."""
        self._complete()
        return self._cpu.all()

    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""
        if not values.keys() <= _DIRECT:
            self._complete()
        if values.keys() >= _STATE:
            self._sites.begin_at(values["rip"])
            self._mapped.reload()
            self._cpu.load(values)
            return
        for name, value in values.items():
            self._cpu.set(name, value)

    def run(self) -> Exit:
        """See ``Engine.run``."""
        interruption = self._interruption
        if interruption.thread != get_ident():
            interruption.watch_this_thread()
        if self._debug.needs_care:
            exit_ = self._leave_breakpoint()
            if exit_ is not None:
                return exit_
            self._debug.arm()
        while True:
            if interruption.requested and interruption.acknowledge():
                self._complete()
                return Interrupted()
            exit_ = self._advance()
            if exit_ is not None:
                return exit_

    def interrupt(self) -> None:
        """See ``Engine.interrupt``."""
        self._interruption.request()

    def close(self) -> None:
        """See ``Engine.close``."""
        self._interruption.close()
        self._words.release()
        self._machine.close()
        if self._memory is not None:
            self._memory.close()

    # ---- abilities

    def step(self) -> Exit:
        """See ``Steps.step``. An instruction that raises an exception is not over before the
        processor comes to an exit of another kind: it steps no more then."""
        self._interruption.watch_this_thread()
        self._complete()
        before, flags = self._cpu.get("rip"), self._cpu.get("rflags")
        code = self._fetch(before, 2)
        hides_trap_flag = not flags & _FLAG_TF and code.startswith(_PUSH_FLAGS)
        while True:
            if self._interruption.requested and self._interruption.acknowledge():
                return Interrupted()
            if code.startswith(_HLT):
                self._debug.rest()  # its exit would be lost behind the end of the step
            else:
                self._debug.arm_step()
            exit_ = self._advance()
            if hides_trap_flag and isinstance(exit_, TargetReached):
                self._clear_pushed_trap_flag()
            if exit_ is None and self._cpu.get("rip") == before:
                continue
            if exit_ is None or isinstance(exit_, TargetReached):
                self._complete()
                return TargetReached()
            return exit_

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """See ``Breaks.set_breakpoints``; four with watchpoints included, else NoDebugRegister."""
        self._debug.set_breakpoints(addresses)

    @property
    def watches_max(self) -> int:
        """See ``Watches.watches_max``; none where the host's KVM does not report them."""
        return SLOTS_MAX if self._can_watch() else 0

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """See ``Watches.set_watchpoints``; those for reading stop at writes too."""
        if watchpoints and not self._can_watch():
            raise NoDebugRegister(0, len(watchpoints), ())
        self._debug.set_watchpoints(watchpoints)

    def dirty_pages(self) -> Sequence[int]:
        """See ``TracksDirtyPages.dirty_pages``."""
        return self._pages.dirty()

    def snapshot(self) -> Snapshot:
        """See ``Snapshots.snapshot``."""
        return Snapshot(self.registers(), self._pages.save())

    def restore(self, snapshot: Snapshot) -> None:
        """See ``Snapshots.restore``."""
        self._pages.restore(snapshot.pages)
        self.set_registers(snapshot.registers)

    # ---- one entry into the guest

    @property
    def _mapped(self) -> SlotMemory:
        assert self._memory is not None
        return self._memory

    def _advance(self) -> Exit | None:
        """Run to the next exit; ``None`` when it was the engine's own business."""
        interruption = self._interruption
        interruption.inside = True
        try:
            self._enter()
        except OSError as error:
            interruption.inside = False
            self._entered()
            return self._failed(error)
        interruption.inside = False
        self._entered()
        reason = self._words[_REASON]
        if reason == _IO:
            return self._port_exit()
        handler = self._exits.get(reason)
        return handler() if handler is not None else self._give_up(reason)

    def _entered(self) -> None:
        self._cpu.left()
        self._is_incomplete = False

    def _leave_breakpoint(self) -> Exit | None:
        """Where the guest stands before a breakpoint, it first makes a step."""
        self._complete()
        if not self._debug.is_breakpoint(self._cpu.get("rip")):
            return None
        exit_ = self.step()
        return None if isinstance(exit_, TargetReached) else exit_

    def _complete(self) -> None:
        """Let KVM finish the instruction that caused the last exit: only then RIP is behind it on
        every host. Where the guest is stepped, that may be reported as a debug exit."""
        if not self._is_incomplete:
            return
        page = self._page
        page[api.IMMEDIATE_EXIT_AT] = 1
        try:
            self._enter()
        except InterruptedError:
            pass
        finally:
            page[api.IMMEDIATE_EXIT_AT] = self._interruption.requested
        self._entered()

    # ---- exits

    def _port_exit(self) -> Exit | None:
        direction, size, port, _, data_at = api.IO.unpack_from(self._page, api.DETAIL_AT)
        self._is_incomplete = True
        if direction == api.IO_IN:
            return self._port_read(port, size, data_at)
        if port in PORTS and size == 4:
            site = self._sites.at(port, _QUAD.unpack_from(self._page, RIP_AT)[0])
            if site is not None:
                return self._at_site(site)
        return PortWrite(port, self._words[data_at >> 2] & _WIDTHS[size], size)

    def _port_read(self, port: int, size: int, data_at: int) -> PortRead:
        """Nobody answers it: RAX stays what it was."""
        before = self._page[RAX_AT : RAX_AT + 8]
        self._page[data_at : data_at + size] = before[:size]
        self._complete()
        self._cpu.set("rax", int.from_bytes(before, "little"))
        return PortRead(port, size)

    def _at_site(self, site: Site) -> Exit | None:
        if site.kind is SiteKind.TRAP:
            return self._trap(site)
        self._complete()
        self._cpu.set("rip", site.address)
        if site.kind is SiteKind.INVALID:
            self._cpu.inject(_UD)
            return None
        raise refusal_of(site)

    def _trap(self, site: Site) -> Trap:
        assert site.trap is not None
        if site.trap in _TIME_TRAPS:
            return _TIME_TRAPS[site.trap]
        get = self._cpu.get
        if site.trap is TrapKind.CPUID:
            return Trap(site.trap, leaf=get("rax") & _U32_MAX, subleaf=get("rcx") & _U32_MAX)
        return Trap(
            site.trap,
            register=site.register,
            bits=site.bits,
            previous=get(site.register),
            rflags=get("rflags"),
        )

    def _hlt_exit(self) -> Hlt:
        return Hlt(self._cpu.get("rip") - 1)

    def _memory_exit(self) -> TranslationFault | UnbackedAccess:
        gpa, _, _, is_write = api.MMIO.unpack_from(self._page, api.DETAIL_AT)
        rip = self._cpu.get("rip")
        if is_write:
            rip = writer_before(rip, gpa, self._fetch, self._cpu.get, self._place)
            self._cpu.set("rip", rip)
        is_refused = is_write and self._mapped.is_guarded(gpa)
        return (TranslationFault if is_refused else UnbackedAccess)(rip, gpa)

    def _failed(self, error: OSError) -> TranslationFault | None:
        """KVM_RUN itself failed: a signal came, or the host keeps the guest, which is at the
        instruction still, from a page. Newer kernels say from which."""
        if isinstance(error, InterruptedError):
            self._interruption.swallow()
            return None
        rip = self._cpu.get("rip")
        if error.errno != errno.EFAULT:
            raise CannotGoOn("kvm", rip, f"KVM_RUN: {error.strerror}") from error
        if self._words[_REASON] == ExitReason.MEMORY_FAULT:
            _, gpa, _ = api.MEMORY_FAULT.unpack_from(self._page, api.DETAIL_AT)
            if self._mapped.is_guarded(gpa):
                return TranslationFault(rip, gpa)
        raise CannotGoOn("kvm", rip, "the host keeps it from a page") from error

    def _shutdown(self) -> TripleFault:
        rip = self._cpu.get("rip")
        if not self._cpu.is_sane():
            return TripleFault(rip, _DF)
        raise CannotGoOn("kvm", rip, "a triple fault, of which KVM does not say the first")

    def _debug_exit(self) -> Exit:
        _, pc, dr6, _ = api.DEBUG.unpack_from(self._page, api.DETAIL_AT)
        return self._debug.found(pc, dr6) or TargetReached()

    def _msr_exit(self) -> Exit | None:
        _, _, number, data = api.MSR.unpack_from(self._page, api.DETAIL_AT)
        is_read = self._words[_REASON] == ExitReason.READ_MSR
        outcome = msrs.outcome(number, None if is_read else data)
        self._is_incomplete = True
        match outcome:
            case msrs.Refused():
                why = "the cycle counter belongs to the recording"
                rip, text = self._cpu.get("rip"), f"wrmsr {number:#x}"
                raise NotReproducible(rip, text, why, "leave it as it is")
            case msrs.Denied():
                self._answer_msr(1, data)
                return None
            case msrs.ReadsAs(value):
                self._answer_msr(0, value)
                return None
        self._answer_msr(0, 0)
        self._complete()
        return _TIME_TRAPS[TrapKind.RDTSC]

    def _answer_msr(self, error: int, data: int) -> None:
        self._page[api.DETAIL_AT] = error
        _QUAD.pack_into(self._page, api.DETAIL_AT + api.MSR.size - 8, data)

    def _give_up(self, reason: int) -> Exit:
        rip = self._cpu.get("rip")
        detail = self._words[_DETAIL]
        why = f"exit {reason} of KVM, {detail:#x}"
        if reason == ExitReason.INTERNAL_ERROR:
            why = _INTERNAL.get(detail, f"internal error {detail} of KVM")
        raise CannotGoOn("kvm", rip, why)

    # ---- what the guest sees at an address

    def _place(self, gva: int) -> int | None:
        return self._mapped.place(gva, self._cpu.get("cr3"))

    def _fetch(self, gva: int, size: int) -> bytes:
        return self._mapped.fetch(gva, size, self._cpu.get("cr3"))

    def _clear_pushed_trap_flag(self) -> None:
        """PUSHF shows the flag by which the processor steps."""
        place = self._place(self._cpu.get("rsp") + 1)
        if place is not None and place < self._mapped.ram.size:
            self.write(place, bytes((self._mapped.ram.view[place] & ~(_FLAG_TF >> 8),)))
