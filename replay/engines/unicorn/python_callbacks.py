"""_hooks.c in Python, function by function, for hosts where it could not be compiled.

It is also what the compiled callbacks are tested against.
"""

from __future__ import annotations

import ctypes
from typing import Any

from replay.engines.reached import GRANULE_SHIFT, REACHED_SLOTS
from replay.engines.sites import may_hold_site
from replay.engines.unicorn.callbacks import (
    NOTED,
    NOWHERE,
    TRANSLATED_MAX,
    Callbacks,
    Note,
    Reason,
    State,
    TranslatedBlock,
    Use,
)
from replay.engines.unicorn.jumps import is_jump

_COUNTED_MAX = 196_608
_UC_MEM_WRITE = 17
_EMU_START = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_size_t,
)


class PythonCallbacks:
    """The callbacks of one engine."""

    def __init__(self, state: State, unicorn_library: Any) -> None:
        self._state = state
        self._emu_start = _EMU_START(("uc_emu_start", unicorn_library))
        self._emu_stop = unicorn_library.uc_emu_stop
        self._reg_read = unicorn_library.uc_reg_read
        self._vetted: dict[tuple[int, int], bytes] = {}
        self._counted: dict[tuple[int, int], int] = {}
        self._places: dict[int, int] = {}
        self._value = ctypes.c_uint64()

    def table(self) -> Callbacks:
        """The callbacks as Unicorn calls them; they live as long as the table."""
        pointer, u64, u32 = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
        block = ctypes.POINTER(TranslatedBlock)
        inline = ctypes.CFUNCTYPE(None, pointer, u64, u32, pointer)
        memory = ctypes.CFUNCTYPE(
            ctypes.c_bool, pointer, ctypes.c_int, u64, ctypes.c_int, ctypes.c_int64, pointer
        )
        memory_access = ctypes.CFUNCTYPE(
            None, pointer, ctypes.c_int, u64, ctypes.c_int, ctypes.c_int64, pointer
        )
        return Callbacks(
            compiled=False,
            place=inline(self._place),
            edge=ctypes.CFUNCTYPE(None, pointer, block, block, pointer)(self._edge),
            entry=inline(self._entry),
            first=inline(self._first),
            block=inline(self._block),
            count=inline(self._count),
            access=memory_access(self._access),
            exception=ctypes.CFUNCTYPE(None, pointer, u32, pointer)(self._exception),
            invalid=ctypes.CFUNCTYPE(ctypes.c_bool, pointer, pointer)(self._invalid),
            memory=memory(self._memory),
            start=self._start,
            mark_vetted=self._mark_vetted,
            put_count=self._put_count,
            forget_counts=self._counted.clear,
            put_place=self._places.__setitem__,
        )

    def _start(self, uc: Any, pc: int, _state: Any) -> int:
        self._state.starting = 1
        error = int(self._emu_start(uc, pc, 0, 0, 0))
        value = ctypes.c_uint64()
        for name, identifier in zip(NOTED, self._state.noted_ids, strict=True):
            self._reg_read(uc, identifier, ctypes.byref(value))
            setattr(self._state, name, value.value)
        return error

    def _stop(self, uc: int, reason: Reason) -> None:
        self._state.reason = reason
        self._emu_stop(ctypes.c_void_p(uc))

    def _code(self, pc: int, size: int) -> bytes | None:
        if not size or pc >= self._state.ram_bytes or size > self._state.ram_bytes - pc:
            return None
        return ctypes.string_at(self._state.ram + pc, size)

    def _flat_code(self, uc: int, pc: int, size: int) -> bytes | None:
        is_flat = self._register(uc, self._state.cr3_id) == self._state.flat_cr3
        return self._code(pc, size) if is_flat else None

    def _mark_vetted(self, pc: int, size: int) -> None:
        code = self._code(pc, size)
        if code is not None:
            self._vetted[pc, size] = code

    def _settle(self) -> None:
        state = self._state
        if state.current:
            self._executed(state.block, state.block_bytes)
        state.count += state.current
        state.current = 0

    def _executed(self, pc: int, size: int) -> None:
        state = self._state
        at = pc - state.runs_start
        if not state.runs or not 0 <= at < state.runs_bytes:
            return
        notes = ctypes.cast(state.runs, ctypes.POINTER(ctypes.c_int64))
        notes[at] += 1
        notes[min(at + size, state.runs_bytes)] -= 1

    def _put_count(self, pc: int, size: int, instructions: int) -> bool:
        if len(self._counted) >= _COUNTED_MAX and (pc, size) not in self._counted:
            return False
        self._counted[pc, size] = instructions
        return True

    def _edge(self, uc: int, now: Any, _before: Any, _user: int) -> None:
        block, state = now.contents, self._state
        if state.tail:
            return
        if state.reason == Reason.NONE:
            self._settle()
        state.translated += block.instructions
        is_full = state.translated > TRANSLATED_MAX
        is_full |= not self._put_count(block.pc, block.bytes, block.instructions)
        if is_full and state.reason == Reason.NONE:
            self._stop(uc, Reason.FULL)
        self._ask_for_vetting(uc, block.pc, block.bytes, block.instructions)

    def _is_begun_again(self, uc: int, address: int, size: int) -> bool:
        state = self._state
        if state.last_counted != address or self._is_sealed(address, size):
            return False
        code = self._flat_code(uc, address, size)
        if code is None or (state.counted_rcx, state.counted_rsp) != self._rcx_and_rsp(uc):
            return False
        return not is_jump(code)

    def _rcx_and_rsp(self, uc: int) -> tuple[int, int]:
        state = self._state
        return self._register(uc, state.rcx_id), self._register(uc, state.rsp_id)

    def _entry(self, uc: int, address: int, size: int, _user: int) -> None:
        if self._state.passed_entry == address:
            self._state.passed_entry = NOWHERE
        else:
            self._ask_for_vetting(uc, address, size, 0)

    def _first(self, uc: int, pc: int, size: int, _user: int) -> None:
        state = self._state
        if state.reason != Reason.NONE or not state.starting:
            return
        state.starting = 0
        if state.passed_entry != pc:
            self._ask_for_vetting(uc, pc, size, 0)
        state.passed_entry = NOWHERE

    def _block(self, uc: int, pc: int, size: int, user: int) -> None:
        state = self._state
        if state.reason != Reason.NONE:
            return
        self._settle()
        if state.tail:
            state.starting = 0
            instructions = state.target - state.count
        else:
            self._first(uc, pc, size, user)
            instructions = self._counted.get((pc, size), 0)
            if state.reason == Reason.NONE:
                self._stop_before_block(uc, pc, size, instructions)
            if state.reason != Reason.NONE:
                return
        if state.arrived_at != pc:
            state.arrived_at = NOWHERE
        state.current, state.block, state.block_bytes = instructions, pc, size
        self._reach(pc, size)

    def _reach(self, pc: int, size: int) -> None:
        if not self._state.reached:
            return
        for granule in range(pc >> GRANULE_SHIFT, ((pc + size - 1) >> GRANULE_SHIFT) + 1):
            ctypes.memset(self._state.reached + granule % REACHED_SLOTS, 1, 1)

    def _stop_before_block(self, uc: int, pc: int, size: int, instructions: int) -> None:
        state = self._state
        if state.interrupted:
            self._stop_before(uc, Reason.INTERRUPT, pc, size)
        elif not instructions:
            self._stop_before(uc, Reason.UNKNOWN, pc, size)
        elif instructions > state.target - state.count:
            self._stop_before(uc, Reason.TARGET, pc, size)

    def _stop_before(self, uc: int, reason: Reason, pc: int, size: int = 0) -> None:
        self._state.address, self._state.size = pc, size
        self._stop(uc, reason)

    def _ask_for_vetting(self, uc: int, pc: int, size: int, instructions: int) -> None:
        state = self._state
        if state.reason != Reason.NONE or self._is_harmless(uc, pc, size):
            return
        state.address, state.size, state.instructions = pc, size, instructions
        self._stop(uc, Reason.VET)

    def _is_harmless(self, uc: int, pc: int, size: int) -> bool:
        state, code = self._state, self._flat_code(uc, pc, size)
        if code is None:
            return False
        for page in {pc >> 12, (pc + size - 1) >> 12}:
            ctypes.memset(state.code_pages + page, 1, 1)
        if state.by_blocks and not self._is_sealed(pc, size):
            return False
        return self._vetted.get((pc, size)) == code or not may_hold_site(code)

    def _is_sealed(self, pc: int, size: int) -> bool:
        pages = (pc >> 12, (pc + size - 1) >> 12)
        if self._state.flat_cr3 == NOWHERE or pc + size > self._state.ram_bytes:
            return False
        return all(ctypes.string_at(self._state.sealed_pages + page, 1) == b"\1" for page in pages)

    def _note(self, now: Note) -> None:
        state = self._state
        if not state.hits:
            state.first = now
        state.hits += 1
        state.last_but_one = state.last
        state.last = now

    def _stops_at(self, uc: int, address: int, block: int) -> bool:
        state, uses = self._state, self._places.get(address)
        if state.passed_site == address:
            state.passed_site = NOWHERE
            return False
        if uses is None:
            return False
        is_arriving = state.arrived_at != address
        if uses & Use.REPEATED:
            state.arrived_at = address
        if uses & Use.NOTED and is_arriving:
            self._note(Note(state.count, block, address, 0, NOWHERE))
        if uses & Use.BREAKPOINT and is_arriving and state.passed_break != address:
            self._stop_before(uc, Reason.BREAK, address)
        elif uses & Use.SITE:
            self._stop_before(uc, Reason.SITE, address)
        state.passed_break = NOWHERE
        return bool(state.reason != Reason.NONE)

    def _place(self, uc: int, address: int, _size: int, _user: int) -> None:
        state = self._state
        if state.reason == Reason.NONE and not self._stops_at(uc, address, state.block):
            self._keep_flags(uc, address)

    def _count(self, uc: int, address: int, size: int, _user: int) -> None:
        state = self._state
        if state.reason != Reason.NONE or self._is_begun_again(uc, address, size):
            return
        self._reach(address, size)
        if state.arrived_at != address:
            state.arrived_at = NOWHERE
        if state.watched:
            self._stop(uc, Reason.WATCHED)
        elif state.count >= state.target:
            self._stop(uc, Reason.TARGET)
        elif state.interrupted:
            self._stop(uc, Reason.INTERRUPT)
        elif not self._stops_at(uc, address, address):
            state.count += 1
            state.last_counted = address
            self._executed(address, size)
            self._keep_flags(uc, address)
            state.counted_rcx, state.counted_rsp = self._rcx_and_rsp(uc)
            return
        state.last_counted = NOWHERE

    def _keep_flags(self, uc: int, address: int) -> None:
        state = self._state
        state.hooked_at, state.hooked_flags = address, self._register(uc, state.flags_id)

    def _register(self, uc: int, identifier: int) -> int:
        self._reg_read(ctypes.c_void_p(uc), identifier, ctypes.byref(self._value))
        return self._value.value

    def _access(self, uc: int, kind: int, gpa: int, size: int, _value: int, _user: int) -> None:
        state, end = self._state, gpa + size
        if state.reason != Reason.NONE or end > state.ram_bytes:
            return
        access = 1 if kind == _UC_MEM_WRITE else 2
        for index in range(state.watches_count):
            watch = state.watches[index]
            if watch.accesses & access and gpa < watch.end and end > watch.start:
                self._accessed(uc, index, max(gpa, watch.start))

    def _accessed(self, uc: int, index: int, gpa: int) -> None:
        state = self._state
        if state.watches[index].stops:
            if not state.watched:
                state.watched, state.watch = 1, index
                state.watched_cr2 = self._register(uc, state.cr2_id)
            return
        rip = self._register(uc, state.noted_ids[0])
        now = Note(state.count, state.block, rip, gpa, index)
        if not state.by_blocks:
            now.count, now.block = state.count - 1, rip
        if not (state.hits and state.last.watch != NOWHERE and _is_same(state.last, now)):
            self._note(now)

    def _exception(self, uc: int, vector: int, _user: int) -> None:
        if self._state.reason == Reason.NONE:
            self._state.detail = vector
            self._stop(uc, Reason.EXCEPTION)

    def _invalid(self, uc: int, _user: int) -> bool:
        if self._state.reason == Reason.NONE:
            self._stop(uc, Reason.INVALID)
        return True

    def _memory(
        self, _uc: int, kind: int, address: int, _size: int, _value: int, _user: int
    ) -> bool:
        if self._state.reason == Reason.NONE:
            self._state.reason = Reason.MEMORY
            self._state.address, self._state.detail = address, kind
        return False


def _is_same(first: Note, second: Note) -> bool:
    """Whether both are about one execution of one instruction."""
    return (first.count, first.block, first.rip) == (second.count, second.block, second.rip)
