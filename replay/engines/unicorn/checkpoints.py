"""What the Unicorn engine can do for going back in time; see ``replay.engines.ports``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from monitors.ports import Registers
from replay.engines.ports import Snapshot
from replay.engines.unicorn.dirty import DirtyPages
from replay.engines.unicorn.memory import EngineMemory
from replay.engines.unicorn.processor import ProcessorKeeper, SavedProcessor
from replay.engines.unicorn.snapshots import UnicornSnapshot, restore_pages, save_pages
from replay.engines.unicorn.user_mode import UserMode


class Restorable(ABC):
    """A part of the engine; usable from its first ``set_registers`` on."""

    _memory: EngineMemory
    _dirty: DirtyPages
    _keeper: ProcessorKeeper
    _user: UserMode | None
    _pc: int
    _crossed_at: int

    def dirty_pages(self) -> Sequence[int]:
        """See ``TracksDirtyPages.dirty_pages``; all pages that may not be zero for a guest that has
        made page tables of its own."""
        return self._dirty.take()

    def save_processor(self) -> SavedProcessor:
        """See ``KeepsProcessor.save_processor``."""
        return self._keeper.save(self._pc, self._crossed_at, self._user)

    def restore_processor(self, saved: object) -> None:
        """See ``KeepsProcessor.restore_processor``."""
        assert isinstance(saved, SavedProcessor)
        self._withdraw_passes()
        self._keeper.restore(saved, self._user)
        self._pc, self._crossed_at = saved.pc, saved.crossed_at

    def snapshot(self) -> Snapshot:
        """See ``Snapshots.snapshot``."""
        return UnicornSnapshot(self.registers(), save_pages(self._memory), self.save_processor())

    def restore(self, snapshot: Snapshot) -> None:
        """See ``Snapshots.restore``; one that another engine has taken will do."""
        restore_pages(self._memory, snapshot.pages)
        if isinstance(snapshot, UnicornSnapshot):
            self.restore_processor(snapshot.processor)
        else:
            self.set_registers(snapshot.registers)

    @abstractmethod
    def registers(self) -> Registers:
        """See ``Engine.registers``."""

    @abstractmethod
    def set_registers(self, values: Registers) -> None:
        """See ``Engine.set_registers``."""

    @abstractmethod
    def _withdraw_passes(self) -> None:
        """What was let through at the last stop is not let through any more."""
