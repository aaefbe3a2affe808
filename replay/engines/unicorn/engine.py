"""The Unicorn engine: emulates the guest anywhere, with exact stops.

Every block that Unicorn translates is *vetted* before it first runs: sites in it (port I/O,
``hlt``, nondeterministic instructions) become addresses where execution stops exactly before the
instruction, and instructions that Unicorn would compute wrongly are refused. So nothing is patched,
no site is missed, and code that a guest writes at run time is covered too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import unicorn
from unicorn import unicorn_const as uc_const

from monitors.ports import (
    Exit,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    Registers,
    SystemCall,
    TargetReached,
    TranslationFault,
    TrapKind,
    TripleFault,
    UnbackedAccess,
    UserFault,
)
from replay.engines.errors import EngineFailure
from replay.engines.ram import GuestRam
from replay.engines.sites import LONGEST_INSTRUCTION, Site, SiteKind
from replay.engines.unicorn import registers
from replay.engines.unicorn.callbacks import NOWHERE, Reason, State, make_callbacks, make_state
from replay.engines.unicorn.checkpoints import Restorable
from replay.engines.unicorn.control import ControlUnit
from replay.engines.unicorn.dirty import DirtyPages
from replay.engines.unicorn.exceptions import ExceptionUnit, Raised
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.operands import misses_stack
from replay.engines.unicorn.processor import ProcessorKeeper
from replay.engines.unicorn.site_exits import TIME_TRAPS, refusal, trap_of
from replay.engines.unicorn.user_mode import UserMode, is_user_state
from replay.engines.unicorn.user_tables import HIDDEN_GPA
from replay.engines.unicorn.vetting import Vetting

_DB, _BP, _UD, _SS, _GP = 1, 3, 6, 12, 13
_INT1, _INT3 = b"\xf1", b"\xcc"
_IA32_TSC = 0x10
_STATUS_FLAGS = 0x8D5  # CF PF AF ZF SF OF
_U32_MAX = (1 << 32) - 1
_U64_MAX = (1 << 64) - 1

_NONE, _SITE, _VET = (reason.value for reason in (Reason.NONE, Reason.SITE, Reason.VET))


class UnicornEngine(Restorable):
    """One guest under Unicorn; see ``replay.engines.ports.Engine`` and ``CountsInstructions``."""

    def __init__(self) -> None:
        self._instance = Instance()
        self._state = State()
        self._pc = 0
        self._after_reset: Any = None
        self._interrupt_requested = False
        self._count_hook: int | None = None
        self._user: UserMode | None = None

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """See ``Engine.map``."""
        self._memory = EngineMemory(self._instance, ram, protections)
        library = self._instance.library
        self._state = make_state(ram, self._memory.watched_pages, library)
        self._callbacks = make_callbacks(self._state, library)
        self._instance.use(self._callbacks, self._state)
        self._vetting = Vetting(self._instance, self._memory, self._state, self._callbacks)
        self._exceptions = ExceptionUnit(self._instance, self._memory)
        self._vetting.after_unhooking = self._exceptions.forget_previous
        self._control = ControlUnit(self._instance, self._memory)
        self._dirty = DirtyPages(self._instance, self._memory, self._state)
        self._vetting.before_distrust = self._dirty.leave
        self._keeper = ProcessorKeeper(self._instance, self._memory, self._vetting, self._dirty)
        self._install_hooks()

    def read(self, gpa: int, size: int) -> bytes:
        """See ``Engine.read``."""
        return self._memory.read(gpa, size)

    def write(self, gpa: int, data: bytes) -> None:
        """See ``Engine.write``."""
        self._memory.write(gpa, data)

    def registers(self) -> Registers:
        """See ``Engine.registers``."""
        values = registers.read_all(self._instance.uc)
        values["rip"], values["cr3"] = self._pc, self._memory.cr3()
        return values if self._user is None else self._user.shown(values)

    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""
        if self._after_reset is None or values.keys() >= registers.DECISIVE:
            self._load(values)
            return
        changes = values if self._user is None else self._user.settable(values)
        if not registers.PAGING.isdisjoint(changes):
            self._dirty.leave()
        for name, value in changes.items():
            if name == "rip":
                self._pc = value
            elif name in registers.UNICORN_ID:
                self._instance.set(name, value)
            else:
                registers.write_any(self._instance.uc, name, value)

    def run(self) -> Exit:
        """See ``Engine.run``."""
        while True:
            if self._interrupt_requested:
                self._interrupt_requested = False
                self._withdraw_passes()
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
        self._instance.stop()

    def close(self) -> None:
        """See ``Engine.close``."""
        self._instance.close()

    # ---- one start of the emulator

    def _load(self, values: Registers) -> None:
        """Take over a state, with which memory has become another too."""
        uc = self._instance.uc
        if self._after_reset is None:
            self._after_reset = uc.context_save()
            self._exceptions.prepare()
        self._vetting.distrust_tables()
        uc.context_restore(self._after_reset)
        self._withdraw_passes()
        self._vetting.forget_all()
        if is_user_state(values):
            self._load_user_state(values)
        else:
            registers.load_state(uc, values)
            if self._memory.is_flat(values["cr3"]):
                self._vetting.trust_tables(values["cr3"])
        self._dirty.enter()
        self._pc = values["rip"]

    def _load_user_state(self, values: Registers) -> None:
        if self._user is None:
            ram, protections = self._memory.ram, self._memory.protections
            self._user = UserMode(self._instance, ram.size, protections)
            self._memory.use_physical_addresses()
        self._user.load(values, self._state, self._exceptions.forget_previous)
        self._vetting.trust_tables(HIDDEN_GPA)

    def _advance(self) -> Exit | None:
        """Run to the next stop; ``None`` when it was the engine's own business."""
        state = self._state
        if state.passed_entry != self._pc:
            self._vetting.prepare(self._pc)
        state.reason = _NONE
        error = self._instance.start(self._pc)
        reason = state.reason
        if reason == _SITE:
            return self._stopped_at(state.address)
        self._pc = state.rip
        if reason == _VET:
            self._vetting.vet()
            return None
        return self._other_stop(reason, error)

    def _other_stop(self, reason: int, error: int) -> Exit | None:
        match reason:
            case Reason.EXCEPTION:
                return self._exception()
            case Reason.INVALID:
                return self._invalid_instruction()
            case Reason.MEMORY:
                return self._memory_exit()
            case Reason.TARGET:
                self._withdraw_passes()
                return TargetReached()
            case Reason.FULL:
                self._vetting.forget_all()
                return None
        if error and not self._interrupt_requested:
            raise EngineFailure(f"Unicorn stopped at {self._pc:#x}: {unicorn.UcError(error)}")
        return None

    def _exception(self) -> Exit | None:
        state = self._state
        raised = self._exceptions.raised(state.detail)
        if state.hooked_at == self._pc and not raised.software:
            # Unicorn computes wrong flags when an instruction with a hook faults.
            flags = self._instance.get("rflags") & ~_STATUS_FLAGS
            self._instance.set("rflags", flags | state.hooked_flags & _STATUS_FLAGS)
        if raised.vector == _GP and raised.error_code == 0:
            code = self._memory.code(self._pc, LONGEST_INSTRUCTION)
            if misses_stack(code, self._pc, self._instance.get):
                raised = Raised(_SS, 0)
        return self._deliver(raised)

    def _invalid_instruction(self) -> Exit | None:
        """What Unicorn cannot decode it leaves out of the block, and so out of what was vetted: a
        site after all, or an invalid opcode for the guest."""
        if self._memory.code(self._pc, 1) == _INT1:
            return self._deliver(Raised(_DB, software=True, next_rip=self._pc + 1))
        site = self._vetting.look(self._pc)
        if site is None or self._vetting.knows(site):
            return self._deliver(Raised(_UD))
        self._uncount()
        self._vetting.learn(site)
        return None

    def _deliver(self, raised: Raised) -> Exit | None:
        if raised.software:
            self._pc = self._software_interrupt(raised)
        else:
            self._uncount()
        if self._user is not None:
            return self._leave_user_mode(self._user.fault(raised, self._pc))
        target = self._exceptions.deliver(raised, self._pc)
        if isinstance(target, TripleFault):
            return target
        self._pc = target
        return None

    def _leave_user_mode(self, exit_: UserFault | SystemCall) -> Exit:
        self._uncount()
        self._pc = exit_.rip
        self._exceptions.forget_previous()
        return exit_

    def _software_interrupt(self, raised: Raised) -> int:
        """Where the instruction lies that raised an exception on purpose: Unicorn is past it."""
        end = raised.next_rip or self._pc
        last = self._memory.code((end - 1) & _U64_MAX, 1)
        is_short = (raised.vector, last) in ((_BP, _INT3), (_DB, _INT1))
        return (end - (1 if is_short else 2)) & _U64_MAX

    def _memory_exit(self) -> Exit:
        gpa, kind = self._state.address, self._state.detail
        self._exceptions.forget_previous()
        self._uncount()
        if kind == uc_const.UC_MEM_WRITE_PROT:
            return TranslationFault(self._pc, gpa)
        return UnbackedAccess(self._pc, gpa)

    # ---- sites

    def _stopped_at(self, address: int) -> Exit | None:
        self._pc = address
        site = self._vetting.site(address)
        if self._count_hook is not None:
            self._uncount()
            if self._state.count >= self._state.target:
                return TargetReached()
        if site is None:
            self._pass(address)
            return None
        return self._at_site(site)

    def _at_site(self, site: Site) -> Exit | None:
        """The exit at a site; the guest goes on behind it."""
        if self._user is not None and site.kind is SiteKind.INVALID:
            # At level 3 Unicorn ends privileged instructions before their operands, and the block.
            site = self._vetting.look(site.address) or site
        outcome = None if self._user is None else self._user.judge(site)
        if isinstance(outcome, Raised):
            return self._deliver(outcome)
        if outcome is not None:
            self._pc = outcome.rip
            return outcome
        match site.kind:
            case SiteKind.OUT | SiteKind.TRAP | SiteKind.IN | SiteKind.HLT:
                return self._cross(site)
            case SiteKind.CONTROL:
                return self._judge(site)
            case SiteKind.INVALID:
                return self._deliver(Raised(_UD))
            case SiteKind.REFUSE:
                raise refusal(site)
            case SiteKind.RDMSR:
                return self._read_msr(site)
            case SiteKind.PAUSE:
                self._skip(site)
        return None

    def _cross(self, site: Site) -> Exit:
        self._pc = _behind(site)
        match site.kind:
            case SiteKind.OUT:
                value = self._state.rax & ((1 << (8 * site.size)) - 1)
                return PortWrite(self._port(site), value, site.size)
            case SiteKind.IN:
                return PortRead(self._port(site), site.size)
            case SiteKind.HLT:
                return Hlt(site.address)
        return trap_of(site, self._instance.get)

    def _judge(self, site: Site) -> Exit | None:
        raised = self._control.judge(site)
        if raised is not None:
            return self._deliver(raised)
        if self._dirty.carry_out(site):
            self._skip(site)
            return None
        if site.text.startswith("mov cr3"):
            self._vetting.distrust_tables()
        self._pass(site.address)
        return None

    def _pass(self, address: int) -> None:
        """Let Unicorn execute the instruction at which it has been stopped."""
        state = self._state
        state.passed_site = state.hooked_at = address
        state.hooked_flags = self._instance.get("rflags")

    def _read_msr(self, site: Site) -> Exit | None:
        if self._instance.get("rcx") & _U32_MAX == _IA32_TSC:
            self._pc = _behind(site)
            return TIME_TRAPS[TrapKind.RDTSC]
        value = self._control.read_msr()
        if isinstance(value, Raised):
            return self._deliver(value)
        self.set_registers({"rax": value & _U32_MAX, "rdx": value >> 32})
        self._skip(site)
        return None

    def _skip(self, site: Site) -> None:
        """The instruction at a site has had its effect."""
        self._pc = _behind(site)
        self._state.count += 1

    def _port(self, site: Site) -> int:
        return site.port if site.port is not None else self._state.rdx & 0xFFFF

    def _withdraw_passes(self) -> None:
        state = self._state
        state.passed_site = state.passed_entry = state.hooked_at = NOWHERE

    # ---- counting

    def _start_counting(self, count: int) -> None:
        self._state.count, self._state.target, self._state.last_counted = 0, count, NOWHERE
        self._instance.uc.ctl_flush_tb()
        callback = self._callbacks.count
        self._count_hook = self._instance.hook(uc_const.UC_HOOK_CODE, callback, self._state, None)

    def _stop_counting(self) -> None:
        if self._count_hook is not None:
            self._instance.unhook([self._count_hook])
            self._exceptions.forget_previous()
        self._count_hook = None
        self._withdraw_passes()

    def _uncount(self) -> None:
        """Take back the instruction at hand, which has been begun and not executed."""
        state = self._state
        if self._count_hook is not None and state.last_counted == self._pc:
            state.count -= 1
            state.last_counted = NOWHERE

    def _install_hooks(self) -> None:
        hook, callbacks, state = self._instance.hook, self._callbacks, self._state
        hook(uc_const.UC_HOOK_INTR, callbacks.exception, state, None)
        hook(uc_const.UC_HOOK_INSN_INVALID, callbacks.invalid, state, None)
        hook(uc_const.UC_HOOK_MEM_INVALID, callbacks.memory, state, None)


def _behind(site: Site) -> int:
    return (site.address + site.length) & _U64_MAX
