"""Counting the instructions that a guest executes, and stopping behind an exact number of them.

Nobody counts at first. Then whole blocks are counted as each begins, at nearly the speed of not
counting, and the last block is cut short. That is exact only where a guest cannot write to its
code: as soon as it runs any that it could, and while accesses to memory shall stop it, every single
instruction is counted. Both ways give the same numbers.
"""

from __future__ import annotations

import ctypes
import enum
import os
from bisect import bisect_left
from collections.abc import Iterable

from unicorn import unicorn_const as uc_const

from replay.engines.ram import PAGE_BYTES
from replay.engines.sites import LONGEST_INSTRUCTION, decode
from replay.engines.unicorn.callbacks import (
    COUNTED_SLOTS,
    NOWHERE,
    Callbacks,
    Counted,
    Note,
)
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.jumps import is_jump
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.places import Places
from replay.engines.unicorn.runs import Runs
from replay.engines.unicorn.vetting import Vetting

COUNT_BY_VARIABLE = "SOLO5_REPLAY_COUNT_BY"
"""Set to ``instruction``, this environment variable keeps engines from counting by blocks."""

_LAYOUTS_MAX = 1 << 16
_U64_MAX = (1 << 64) - 1


class Mode(enum.Enum):
    """What is counted."""

    NOTHING = "nothing"
    BLOCKS = "blocks"
    INSTRUCTIONS = "instructions"


class Counting:
    """Counts for one guest; ``state.count`` is exact whenever the emulator does not run and
    ``before`` has been told where it stopped."""

    def __init__(
        self,
        instance: Instance,
        memory: EngineMemory,
        callbacks: Callbacks,
        vetting: Vetting,
        places: Places,
    ) -> None:
        self.mode = Mode.NOTHING
        self.counts = False
        """Whether ``mode`` is another one."""
        self.is_on = False
        self.is_watching = False
        self.runs = Runs(places.state)
        self._by_instruction = os.environ.get(COUNT_BY_VARIABLE) == "instruction"
        self._instance = instance
        self._memory = memory
        self._state = places.state
        self._callbacks = callbacks
        self._vetting = vetting
        self._places = places
        self._hooks: list[int] = []
        self._layouts: dict[tuple[int, int], list[int]] = {}
        self._sealed = _sealed_pages(memory)
        self._state.target = _U64_MAX
        self._state.sealed_pages = ctypes.addressof(self._sealed)
        vetting.after_code_change = self._code_changed

    def begin(self, count: int) -> None:
        """From here on ``count`` instructions are to be executed."""
        if not (self.counts or self.is_on or self.is_watching):
            return
        mode = self._wanted()
        if mode is not self.mode:
            self._switch(mode)
        state = self._state
        state.count = state.hits = state.watched = 0
        state.target, state.last_counted = count, NOWHERE

    def pause(self) -> None:
        """Count nothing until the next ``begin``."""
        if self.counts:
            self._switch(Mode.NOTHING)
            self._state.count, self._state.target = 0, _U64_MAX

    def interrupt(self, pc: int) -> None:
        """The guest has been interrupted before the instruction at ``pc``, or stands there again to
        repeat what was begun in vain."""
        state, get = self._state, self._instance.get
        state.interrupted = 0
        if state.last_counted != pc or is_jump(self._memory.code(pc, LONGEST_INSTRUCTION)):
            return
        if (state.counted_rcx, state.counted_rsp) == (get("rcx"), get("rsp")):
            self.before(pc)

    def before(self, pc: int) -> None:
        """The guest has stopped before the instruction at ``pc``, or in it and must repeat it."""
        state = self._state
        if state.hits:
            self._take_back_access(pc)
        if state.current:
            offset = pc - state.block
            if 0 <= offset < state.block_bytes:
                state.count += self._index(state.block, state.block_bytes, pc)
                self.runs.add(state.block, offset)
            else:
                state.count += state.current
                self.runs.add(state.block, state.block_bytes)
            state.current = 0
        elif state.last_counted == pc:
            state.count -= 1
            state.last_counted = NOWHERE

    def begun(self, pc: int) -> None:
        """The instruction at ``pc`` has been begun, and raised an exception: it counts as executed
        where somebody counts that. While single ones are counted, it has been noted already."""
        if self.runs.is_on and self.mode is Mode.BLOCKS:
            for _, length, *_ in decode(self._memory.code(pc, LONGEST_INSTRUCTION), pc, 1):
                self.runs.add(pc, length)

    def learn_block(self) -> None:
        """Find out how many instructions the block has before which the guest has stopped."""
        state = self._state
        pc, size = state.address, state.size
        addresses = self._layout(pc, size)
        if addresses[-1] != pc + size:
            self.go_by_instruction()
            return
        self._callbacks.put_count(pc, size, max(len(addresses) - 1, 1))
        state.passed_entry = pc

    def is_countable(self) -> bool:
        """Whether the block that is to be vetted may be counted as a whole."""
        state = self._state
        pc, size = state.address, state.size
        if not self._vetting.is_flat() or pc + size > self._memory.ram.size:
            return False
        return all(self._sealed[gpa // PAGE_BYTES] for gpa in (pc, pc + size - 1))

    def go_by_instruction(self) -> None:
        """Count every instruction from here on, for good."""
        self._by_instruction = True
        self._switch(self._wanted())

    def cut_block(self) -> bool:
        """Make the block before which the guest has stopped end behind the last instruction wanted;
        false where that is not known."""
        state = self._state
        pc, size, wanted = state.address, state.size, state.target - state.count
        addresses = self._layout(pc, size)
        if wanted >= len(addresses):
            return False
        at = addresses[wanted]
        uc = self._instance.uc
        uc.ctl_remove_cache(at, at + 1)
        uc.ctl_set_exits([at])
        state.tail = 1
        return True

    def uncut_block(self) -> None:
        """The end of ``cut_block``; Unicorn itself forgets the shorter block."""
        self._state.tail = 0
        self._instance.uc.ctl_set_exits([])

    def forget_blocks(self) -> None:
        """Unicorn has forgotten its blocks."""
        self._layouts.clear()
        if self._state.counted:
            self._callbacks.forget_counts()

    def position(self, note: Note) -> int:
        """The number of the instruction that a note is about."""
        if note.block == note.rip:
            return int(note.count)
        code = self._memory.code(note.block, note.rip - note.block)
        return int(note.count) + len(decode(code, note.block))

    def _wanted(self) -> Mode:
        if self.is_watching or (self.is_on and self._by_instruction):
            return Mode.INSTRUCTIONS
        return Mode.BLOCKS if self.is_on else Mode.NOTHING

    def _switch(self, mode: Mode) -> None:
        state, hooks = self._state, [*self._hooks, *self._vetting.take_start_hooks()]
        if mode is Mode.INSTRUCTIONS:
            hooks += self._places.take_hooks()
        self._instance.stop_anywhere(yes=mode is Mode.NOTHING)
        self.mode, self.counts = mode, mode is not Mode.NOTHING
        self._instance.unhook(hooks)
        self._vetting.after_unhooking()
        self._hooks = list(self._new_hooks(mode))
        if mode is not Mode.INSTRUCTIONS:
            self._places.hook_all()
        if mode is Mode.BLOCKS and not state.counted:
            state.counted = (Counted * COUNTED_SLOTS)()
        state.by_blocks = mode is Mode.BLOCKS
        state.passed_entry = state.last_counted = NOWHERE

    def _new_hooks(self, mode: Mode) -> Iterable[int]:
        hook, state, callbacks = self._instance.hook, self._state, self._callbacks
        if mode is Mode.BLOCKS:
            yield hook(uc_const.UC_HOOK_BLOCK, callbacks.block, state, None)
        if mode is Mode.INSTRUCTIONS:
            yield hook(uc_const.UC_HOOK_BLOCK, callbacks.first, state, None)
            yield hook(uc_const.UC_HOOK_CODE, callbacks.count, state, None)

    def _layout(self, pc: int, size: int) -> list[int]:
        """The addresses of a block's instructions, and of what follows the last."""
        addresses = self._layouts.get((pc, size))
        if addresses is None:
            if len(self._layouts) >= _LAYOUTS_MAX:
                self._layouts.clear()
            decoded = decode(self._memory.code(pc, size), pc)
            end = sum(decoded[-1][:2]) if decoded else pc
            addresses = [*(address for address, *_ in decoded), end]
            self._layouts[pc, size] = addresses
        return addresses

    def _index(self, block: int, size: int, pc: int) -> int:
        return bisect_left(self._layout(block, size), pc)

    def _take_back_access(self, pc: int) -> None:
        """An access of an instruction that was not executed to its end was none."""
        state = self._state
        here = (state.count, state.block) if state.by_blocks else (state.count - 1, pc)
        last = state.last
        if last.watch != NOWHERE and last.rip == pc and (last.count, last.block) == here:
            state.hits -= 1
            state.last = state.last_but_one

    def _code_changed(self, pages: Iterable[int]) -> None:
        if any(self._sealed[page] for page in pages):
            self.forget_blocks()
            self._vetting.forget_all()


def _sealed_pages(memory: EngineMemory) -> ctypes.Array[ctypes.c_uint8]:
    """One byte a page: 1 where the guest cannot write, whatever its page tables say."""
    sealed = (ctypes.c_uint8 * (memory.ram.size // PAGE_BYTES))()
    for protection in memory.protections:
        if not protection.writable:
            first, last = protection.start // PAGE_BYTES, protection.end // PAGE_BYTES
            sealed[first:last] = [1] * len(sealed[first:last])
    return sealed
