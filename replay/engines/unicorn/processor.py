"""Going back to an earlier state of the processor, in microseconds.

Unicorn keeps its own state whole: all registers, also those that no name of ours reaches, segments,
and flags that are yet to be computed. What the engine knows of the guest beside it is kept here;
what it has learned about code stays, since it is looked at again where it may have changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitors.ports import Registers
from replay.engines.unicorn.callbacks import NOWHERE
from replay.engines.unicorn.dirty import DirtyPages
from replay.engines.unicorn.instance import Instance
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.user_mode import UserMode
from replay.engines.unicorn.vetting import Vetting


@dataclass(frozen=True, slots=True)
class SavedProcessor:
    """A state of one engine's processor. ``crossed_at`` is where the last exit left the guest, if
    it was a crossing; ``cr3`` and ``trusted_cr3`` are addresses for the guest, and ``shown`` is
    what its registers show instead of their values."""

    context: Any
    pc: int
    crossed_at: int
    cr3: int
    trusted_cr3: int
    shown: Registers


class ProcessorKeeper:
    """Saves and restores for one engine."""

    def __init__(
        self, instance: Instance, memory: EngineMemory, vetting: Vetting, dirty: DirtyPages
    ) -> None:
        self._instance = instance
        self._memory = memory
        self._vetting = vetting
        self._dirty = dirty

    def save(self, pc: int, crossed_at: int, user: UserMode | None) -> SavedProcessor:
        """The state now, of a guest that goes on at ``pc``."""
        return SavedProcessor(
            context=self._instance.uc.context_save(),
            pc=pc,
            crossed_at=crossed_at,
            cr3=self._memory.cr3(),
            trusted_cr3=self._dirty.trusted_cr3,
            shown={} if user is None else user.shown_instead,
        )

    def restore(self, saved: SavedProcessor, user: UserMode | None) -> None:
        """Take over a state whose memory is there already."""
        self._instance.uc.context_restore(saved.context)
        if user is not None:
            user.shown_instead = saved.shown
        if self._dirty.follow(saved.cr3, saved.trusted_cr3):
            return
        if self._dirty.are_tables_ours:
            self._dirty.leave()
        self._instance.set("cr3", saved.cr3)
        if saved.trusted_cr3 == NOWHERE:
            self._vetting.distrust_tables()
        elif saved.trusted_cr3 != self._dirty.trusted_cr3:
            self._vetting.trust_tables(saved.trusted_cr3)
        self._dirty.enter()
