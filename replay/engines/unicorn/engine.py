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
    Interrupted,
    Protection,
    Registers,
    SystemCall,
    TargetReached,
    TranslationFault,
    TripleFault,
    UnbackedAccess,
    UserFault,
)
from replay.engines.errors import EngineFailure
from replay.engines.operands import misses_stack
from replay.engines.ram import GuestRam
from replay.engines.sites import LONGEST_INSTRUCTION
from replay.engines.unicorn import registers
from replay.engines.unicorn.at_sites import AtSites
from replay.engines.unicorn.callbacks import NOWHERE, Reason, State, make_callbacks, make_state
from replay.engines.unicorn.checkpoints import Restorable
from replay.engines.unicorn.control import ControlUnit
from replay.engines.unicorn.counting import Counting, Mode
from replay.engines.unicorn.debugging import Debuggable
from replay.engines.unicorn.dirty import DirtyPages
from replay.engines.unicorn.exceptions import ExceptionUnit, Raised
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.places import Places
from replay.engines.unicorn.processor import ProcessorKeeper
from replay.engines.unicorn.user_mode import UserMode, is_user_state
from replay.engines.unicorn.user_tables import HIDDEN_GPA
from replay.engines.unicorn.vetting import Vetting
from replay.engines.unicorn.watching import Watching

_DB, _BP, _UD, _SS, _GP = 1, 3, 6, 12, 13
_INT1, _INT3 = b"\xf1", b"\xcc"
_STATUS_FLAGS = 0x8D5  # CF PF AF ZF SF OF
_U64_MAX = (1 << 64) - 1

_NONE, _SITE = Reason.NONE.value, Reason.SITE.value
_COLD_STARTS = 200
_OWN_BUSINESS = frozenset((Reason.VET, Reason.FULL, Reason.UNKNOWN))


class UnicornEngine(Debuggable, Restorable, AtSites):
    """One guest under Unicorn; see ``replay.engines.ports.Engine`` and ``CountsInstructions``."""

    def __init__(self) -> None:
        super().__init__()
        self._instance = Instance()
        self._state = State()
        self._pc = 0
        self._after_reset: Any = None
        self._interrupt_requested = False
        self._cold_starts = _COLD_STARTS
        self._user: UserMode | None = None

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """See ``Engine.map``."""
        self._memory = EngineMemory(self._instance, ram, protections)
        library = self._instance.library
        self._state = make_state(ram, self._memory.watched_pages, library)
        self._callbacks = make_callbacks(self._state, library)
        self._instance.use(self._callbacks, self._state)
        self._exceptions = ExceptionUnit(self._instance, self._memory)
        self._assemble_observers()
        self._control = ControlUnit(self._instance, self._memory)
        self._dirty = DirtyPages(self._instance, self._memory, self._state)
        self._vetting.before_distrust = self._dirty.leave
        self._keeper = ProcessorKeeper(self._instance, self._memory, self._vetting, self._dirty)
        self._install_hooks()

    def _assemble_observers(self) -> None:
        instance, memory, callbacks = self._instance, self._memory, self._callbacks
        self._places = Places(instance, self._state, callbacks)
        self._vetting = Vetting(instance, memory, callbacks, self._places)
        self._counting = Counting(instance, memory, callbacks, self._vetting, self._places)
        self._watching = Watching(instance, memory, self._state, callbacks)
        after_unhooking = self._exceptions.forget_previous
        self._vetting.after_unhooking = self._watching.after_unhooking = after_unhooking

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
        return self._run(_U64_MAX)

    def _run_to_exit(self) -> Exit:
        while True:
            if self._interrupt_requested:
                self._interrupt_requested = False
                self._counting.interrupt(self._pc)
                self._withdraw_passes()
                return Interrupted()
            exit_ = self._advance()
            if exit_ is not None:
                return exit_

    def interrupt(self) -> None:
        """See ``Engine.interrupt``. A caller repeats it until ``run`` has returned, since a request
        between two starts of the emulator is seen only at the next stop."""
        self._state.interrupted = 1
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
        self._counting.pause()
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
        if not self._counting.counts and state.passed_entry != self._pc:
            self._vetting.prepare(self._pc)
        if self._cold_starts:
            self._warm_up()
        state.reason = _NONE
        error = self._instance.start(self._pc)
        reason = state.reason
        if reason == _SITE:
            return self._stopped_at(state.address)
        self._pc = state.rip
        if reason in _OWN_BUSINESS:
            self._look_at_block(reason)
            return None
        return self._other_stop(reason, error)

    def _warm_up(self) -> None:
        """Let Unicorn's cache of address translations grow: it does so only when it is flushed, and
        is a third slower with too small a one. Nobody can notice where the tables' marks are set
        already."""
        self._cold_starts -= 1
        if self._state.flat_cr3 != NOWHERE:
            self._instance.set("cr3", self._instance.get("cr3"))

    def _look_at_block(self, reason: int) -> None:
        """The guest stands before a block that has to be looked at."""
        match reason:
            case Reason.UNKNOWN:
                self._counting.learn_block()
            case Reason.FULL:
                self._vetting.forget_all()
                self._counting.forget_blocks()
            case Reason.VET if self._counting.mode is Mode.BLOCKS:
                if self._counting.is_countable():
                    self._vetting.vet()
                else:
                    self._counting.go_by_instruction()
            case _:
                self._vetting.vet()

    def _other_stop(self, reason: int, error: int) -> Exit | None:
        if self._state.watched and reason != Reason.WATCHED and self._has_accessed():
            return self._watched()
        match reason:
            case Reason.EXCEPTION:
                return self._exception()
            case Reason.INVALID:
                return self._invalid_instruction()
            case Reason.MEMORY:
                return self._memory_exit()
            case Reason.TARGET:
                return self._at_target()
            case Reason.BREAK:
                return self._break()
            case Reason.WATCHED:
                return self._watched()
            case Reason.INTERRUPT:
                return None
        self._counting.before(self._pc)
        if error and not self._interrupt_requested:
            raise EngineFailure(f"Unicorn stopped at {self._pc:#x}: {unicorn.UcError(error)}")
        return None

    def _at_target(self) -> Exit | None:
        """The guest stands before a block that is longer than what may be executed of it."""
        if self._is_done():
            return TargetReached()
        if not self._counting.cut_block():
            self._counting.go_by_instruction()
            return None
        try:
            exit_ = self._advance()
        finally:
            self._counting.uncut_block()
        return TargetReached() if exit_ is None and self._is_done() else exit_

    def _is_done(self) -> bool:
        return bool(self._state.count >= self._state.target)

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
        self._counting.before(self._pc)
        if self._is_done():
            return TargetReached()
        if self._memory.code(self._pc, 1) == _INT1:
            return self._deliver(Raised(_DB, software=True, next_rip=self._pc + 1))
        site = self._vetting.look(self._pc)
        if site is None or self._vetting.knows(site):
            return self._deliver(Raised(_UD))
        self._vetting.learn(site)
        return None

    def _deliver(self, raised: Raised) -> Exit | None:
        if raised.software:
            self._pc = self._software_interrupt(raised)
        self._counting.before(self._pc)
        self._counting.begun(self._pc)
        if self._user is not None:
            return self._leave_user_mode(self._user.fault(raised, self._pc))
        self._state.count += raised.software
        target = self._exceptions.deliver(raised, self._pc)
        if isinstance(target, TripleFault):
            return target
        self._pc = target
        return None

    def _leave_user_mode(self, exit_: UserFault | SystemCall) -> Exit:
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
        self._counting.before(self._pc)
        self._counting.begun(self._pc)
        if kind == uc_const.UC_MEM_WRITE_PROT:
            return TranslationFault(self._pc, gpa)
        return UnbackedAccess(self._pc, gpa)

    def _withdraw_passes(self) -> None:
        state = self._state
        state.passed_site = state.passed_entry = state.hooked_at = state.arrived_at = NOWHERE

    def _install_hooks(self) -> None:
        hook, callbacks, state = self._instance.hook, self._callbacks, self._state
        hook(uc_const.UC_HOOK_INTR, callbacks.exception, state, None)
        hook(uc_const.UC_HOOK_INSN_INVALID, callbacks.invalid, state, None)
        hook(uc_const.UC_HOOK_MEM_INVALID, callbacks.memory, state, None)
