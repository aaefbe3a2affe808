"""What the Unicorn engine can do for debuggers; see ``replay.engines.ports``."""

from __future__ import annotations

import ctypes
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from monitors.ports import (
    Breakpoint,
    Exit,
    Interrupted,
    TargetReached,
    TranslationFault,
    TripleFault,
    UnbackedAccess,
    Watched,
)
from replay.engines.ports import Hit, Hits, Watchpoint
from replay.engines.reached import REACHED_SLOTS, ReachedCode
from replay.engines.sites import LONGEST_INSTRUCTION, decode
from replay.engines.unicorn.callbacks import NOWHERE, Note, State, Use
from replay.engines.unicorn.counting import Counting
from replay.engines.unicorn.exceptions import ExceptionUnit
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.places import Places
from replay.engines.unicorn.vetting import Vetting
from replay.engines.unicorn.watching import Watching

_WATCHES_MAX = 1000
_REPEATED = re.compile("rep[a-z]* (movs|cmps|stos|lods|scas)")
_NO_CROSSINGS = frozenset(
    (
        *(Breakpoint, Watched, TargetReached, Interrupted),
        *(TripleFault, TranslationFault, UnbackedAccess),
    )
)


class Debuggable(ABC):
    """A part of the engine; usable from ``map`` on."""

    _instance: Instance
    _memory: EngineMemory
    _state: State
    _exceptions: ExceptionUnit
    _vetting: Vetting
    _places: Places
    _counting: Counting
    _watching: Watching
    _pc: int

    def __init__(self) -> None:
        self._breakpoints: frozenset[int] = frozenset()
        self._noted: frozenset[int] = frozenset()
        self._crossed_at = NOWHERE
        self._reached: ctypes.Array[ctypes.c_uint8] | None = None

    def run_instructions(self, count: int) -> Exit:
        """See ``CountsInstructions.run_instructions``."""
        self._counting.is_on = True
        return self._run(count)

    @property
    def instructions_retired(self) -> int:
        """See ``CountsInstructions.instructions_retired``."""
        return int(self._state.count)

    @property
    def instruction_pointer(self) -> int:
        """See ``TellsPlace.instruction_pointer``."""
        return self._pc

    def step(self) -> Exit:
        """See ``Steps.step``; breakpoints do not matter."""
        breakpoints = self._breakpoints
        self.set_breakpoints(())
        try:
            return self.run_instructions(1)
        finally:
            self.set_breakpoints(breakpoints)

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """See ``Breaks.set_breakpoints``."""
        wanted = frozenset(addresses)
        self._use_places(self._breakpoints, wanted, Use.BREAKPOINT)
        self._breakpoints = wanted

    @property
    def watches_max(self) -> int:
        """See ``Watches.watches_max``."""
        return _WATCHES_MAX

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """See ``Watches.set_watchpoints``. The processor's own writes, frames of exceptions, stop
        nothing; they are noted by ``note``."""
        self._watching.use(watchpoints, self._watching.noted)
        self._counting.is_watching = bool(watchpoints)

    def note(self, breakpoints: Collection[int], watchpoints: Collection[Watchpoint]) -> None:
        """See ``NotesHits.note``."""
        wanted = frozenset(breakpoints)
        self._use_places(self._noted, wanted, Use.NOTED)
        self._noted = wanted
        self._watching.use(self._watching.stopping, watchpoints)

    def hits(self) -> Hits | None:
        """See ``NotesHits.hits``; where each was is exact."""
        state = self._state
        if not state.hits:
            return None
        return Hits(int(state.hits), self._hit(state.first), self._hit(state.last))

    def code_reached(self) -> ReachedCode:
        """See ``TracksCode.code_reached``."""
        if self._reached is None:
            self._reached = (ctypes.c_uint8 * REACHED_SLOTS)()
            self._state.reached = ctypes.addressof(self._reached)
            return ReachedCode.of(b"\1" * REACHED_SLOTS)
        reached = ReachedCode.of(bytes(self._reached))
        ctypes.memset(self._reached, 0, REACHED_SLOTS)
        return reached

    def count_code(self, start: int, end: int) -> None:
        """See ``CountsCode.count_code``."""
        self._counting.runs.begin(start, end)

    def code_counts(self) -> Sequence[int]:
        """See ``CountsCode.code_counts``."""
        return self._counting.runs.counts()

    def _run(self, count: int) -> Exit:
        """Run until an exit, or until ``count`` instructions were executed."""
        self._counting.begin(count)
        if self._breakpoints and self._pc in self._breakpoints:
            if self._crossed_at == self._pc:
                self._crossed_at = NOWHERE
                return Breakpoint(self._pc)
            self._state.passed_break = self._pc
        exit_ = self._run_to_exit()
        if self._breakpoints:
            self._state.passed_break = NOWHERE
        self._crossed_at = NOWHERE if type(exit_) in _NO_CROSSINGS else self._pc
        return exit_

    @abstractmethod
    def _run_to_exit(self) -> Exit:
        """Run on."""

    def _break(self) -> Exit:
        self._pc = self._state.address
        self._counting.before(self._pc)
        return Breakpoint(self._pc)

    def _has_accessed(self) -> bool:
        """Whether the instruction that accessed watched memory has been executed. Then it was the
        next one that could not be fetched, which the guest has not come to yet."""
        state = self._state
        if state.last_counted == self._pc:
            state.watched = 0
            return False
        self._instance.set("cr2", state.watched_cr2)
        self._exceptions.forget_previous()
        return True

    def _watched(self) -> Exit:
        return Watched(self._pc, self._watching.watched_by(self._state.watch).address)

    def _use_places(self, before: frozenset[int], wanted: frozenset[int], use: Use) -> None:
        for address in before - wanted:
            self._places.remove(address, use)
        for address in sorted(wanted - before):
            repeated = Use.REPEATED if self._is_repeated(address) else Use.NONE
            if self._places.add(address, use | repeated):
                self._vetting.forget_translated(address)
            if repeated:
                self._counting.is_on = True  # each iteration begins a block, which has to be seen

    def _is_repeated(self, address: int) -> bool:
        """Whether a string instruction lies there that is reached once for all its iterations."""
        code = b"".join(
            self._memory.read(gpa, size)
            for gpa, size in self._memory.pieces(address, LONGEST_INSTRUCTION)
        )
        return any(_REPEATED.match(text) for _, _, text, _ in decode(code, address, 1))

    def _hit(self, note: Note) -> Hit:
        low = self._counting.position(note)
        if note.watch == NOWHERE:
            return Hit(low, low + 1, note.rip)
        watchpoint = self._watching.watched_by(note.watch)
        return Hit(low, low + 1, self._watching.address_of(note.watch, note.gpa), watchpoint)
