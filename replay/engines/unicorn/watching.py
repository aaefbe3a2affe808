"""Looking after accesses to guest memory.

Unicorn tells the physical address at which an access begins. Translated code calls it only where a
hook was there before, so a change of what is watched costs all translations.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from unicorn import unicorn_const as uc_const

from replay.engines.ports import Access, Watchpoint
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.callbacks import NOWHERE, Callbacks, Note, State, Watch
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory

_WRITES, _READS = 1, 2
_ACCESSES = {Access.WRITE: _WRITES, Access.READ: _READS, Access.READ_WRITE: _WRITES | _READS}
_LONGEST_ACCESS = 64


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a watchpoint that lies in one page."""

    watchpoint: Watchpoint
    address: int
    gpa: int
    size: int
    stops: bool


class Watching:
    """What is watched in one guest."""

    def __init__(
        self, instance: Instance, memory: EngineMemory, state: State, callbacks: Callbacks
    ) -> None:
        self.stopping: frozenset[Watchpoint] = frozenset()
        self.noted: frozenset[Watchpoint] = frozenset()
        self.after_unhooking: Callable[[], None] = _nothing
        self._instance = instance
        self._memory = memory
        self._state = state
        self._callbacks = callbacks
        self._pieces: list[_Piece] = []
        self._hooks: list[int] = []
        self._pages = (ctypes.c_uint8 * (memory.ram.size // PAGE_BYTES))()
        state.watched_pages = ctypes.addressof(self._pages)
        memory.on_poke = self._poked

    def use(self, stopping: Collection[Watchpoint], noted: Collection[Watchpoint]) -> None:
        """Replace all: the guest stops behind an access to some, and others are only noted."""
        if (self.stopping, self.noted) == (frozenset(stopping), frozenset(noted)):
            return
        self.stopping, self.noted = frozenset(stopping), frozenset(noted)
        self.look_up()

    def look_up(self) -> None:
        """Find what is watched where the guest's page tables have it now."""
        pieces = [*self._find(self.stopping, stops=True), *self._find(self.noted, stops=False)]
        if not pieces and not self._pieces:
            return
        self._pieces = pieces
        self._fill_tables()
        self._instance.unhook(self._hooks)
        self.after_unhooking()
        self._hooks = [*self._hook(_WRITES), *self._hook(_READS)]

    def watched_by(self, index: int) -> Watchpoint:
        """The watchpoint that a callback means."""
        return self._pieces[index].watchpoint

    def address_of(self, index: int, gpa: int) -> int:
        """The virtual address of physical memory that a callback means."""
        piece = self._pieces[index]
        return piece.address + gpa - piece.gpa

    def _poked(self, gpa: int, end: int) -> None:
        """The processor itself has written: a frame for an exception, before the next instruction
        of the guest. That is noted as if this one had."""
        for index, piece in enumerate(self._pieces):
            is_noted = not piece.stops and _ACCESSES[piece.watchpoint.access] & _WRITES
            if is_noted and gpa < piece.gpa + piece.size and end > piece.gpa:
                self._note(index, max(gpa, piece.gpa))

    def _note(self, index: int, gpa: int) -> None:
        state = self._state
        last = state.last
        if state.hits and (last.count, last.rip) == (state.count, NOWHERE):
            return
        now = Note(state.count, NOWHERE, NOWHERE, gpa, index)
        if not state.hits:
            state.first = now
        state.hits += 1
        state.last = now

    def _find(self, watchpoints: Collection[Watchpoint], *, stops: bool) -> Iterator[_Piece]:
        for each in sorted(
            watchpoints, key=lambda each: (each.address, each.size, each.access.value)
        ):
            at = each.address
            for gpa, size in self._memory.pieces(at, each.size):
                yield _Piece(each, at, gpa, size, stops)
                at += size

    def _fill_tables(self) -> None:
        ctypes.memset(self._pages, 0, len(self._pages))
        watches = (Watch * max(len(self._pieces), 1))()
        for watch, piece in zip(watches, self._pieces, strict=False):
            watch.start, watch.end = piece.gpa, piece.gpa + piece.size
            watch.accesses = _ACCESSES[piece.watchpoint.access]
            watch.stops = piece.stops
            self._pages[piece.gpa // PAGE_BYTES] = 1
        self._state.watches, self._state.watches_count = watches, len(self._pieces)

    def _hook(self, kind: int) -> Iterator[int]:
        """One hook for all accesses of a kind: Unicorn goes through all hooks at every access."""
        ranges = [
            (piece.gpa, piece.gpa + piece.size)
            for piece in self._pieces
            if _ACCESSES[piece.watchpoint.access] & kind
        ]
        if ranges:
            begin = max(min(start for start, _ in ranges) - _LONGEST_ACCESS + 1, 0)
            place = (begin, max(end for _, end in ranges) - 1)
            hook = uc_const.UC_HOOK_MEM_WRITE if kind == _WRITES else uc_const.UC_HOOK_MEM_READ
            yield self._instance.hook(hook, self._callbacks.access, self._state, place)


def _nothing() -> None:
    """Nobody has to clean up."""
