"""What the native engine can do for debuggers: the capabilities of ``replay.engines.ports``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from replay.engines.native.agent import Agent
from replay.engines.native.child import PROT_WRITE, Child
from replay.engines.native.debug_registers import REGISTERS
from replay.engines.native.dirty import DirtyPages
from replay.engines.native.memory import Space
from replay.engines.native.processor import Processor
from replay.engines.native.snapshots import NativeSnapshot, PageKeeper
from replay.engines.native.stops import Stops
from replay.engines.native.write_tracking import Tracked, WriteTracking
from replay.engines.ports import Snapshot, Watchpoint

_DIRTY_READER = "dirty pages"


class Debuggable(ABC):
    """A part of the engine; usable from its first ``set_registers`` on."""

    _cpu: Processor
    _stops: Stops
    _dirty: DirtyPages
    _pages: PageKeeper
    _has_crossed = False
    _write_tracking: WriteTracking | None = None
    _why_untracked = ""

    def set_breakpoints(self, addresses: Collection[int]) -> None:
        """See ``Breaks.set_breakpoints``.

        Raises NoDebugRegister where too many are at places of vetted code where no instruction
        seems to begin; then nothing has changed.
        """
        self._stops.set_breakpoints(addresses)

    @property
    def watches_max(self) -> int:
        """See ``Watches.watches_max``."""
        return REGISTERS

    def set_watchpoints(self, watchpoints: Collection[Watchpoint]) -> None:
        """See ``Watches.set_watchpoints``; one for reading stops at writes too.

        Raises NoDebugRegister, or ValueError for a range that no register can watch; then nothing
        has changed.
        """
        self._stops.set_watchpoints(watchpoints)

    def dirty_pages(self) -> Sequence[int]:
        """See ``TracksDirtyPages.dirty_pages``."""
        return self._dirty.take(_DIRTY_READER)

    @property
    def dirty_pages_slow_because(self) -> str:
        """Why dirty pages are found by comparing all of them; empty where they are not."""
        return self._dirty.slow_because

    def snapshot(self) -> Snapshot:
        """See ``Snapshots.snapshot``."""
        cpu = self._cpu
        return NativeSnapshot(cpu.all(), self._pages.save(), dict(cpu.virtual))

    def restore(self, snapshot: Snapshot) -> None:
        """See ``Snapshots.restore``. What the agent was told, and its clock, stay as they are."""
        self._pages.restore(snapshot.pages)
        registers: dict[str, int] = dict(snapshot.registers)
        if isinstance(snapshot, NativeSnapshot):
            registers |= snapshot.hidden
        for name, value in registers.items():
            self._cpu.set(name, value)
        self._has_crossed = False
        self._stops.take_hit()

    @abstractmethod
    def _put(self, gpa: int, data: bytes) -> None:
        """Change memory, and the text that is made from it."""

    def _watch_writes(self, child: Child) -> None:
        """To be called before the child is locked down."""
        try:
            self._write_tracking = WriteTracking(child)
        except OSError as error:
            self._why_untracked = f"the kernel keeps no account of writes: {error}"

    def _begin_debugging(self, stops: Stops, space: Space, agent: Agent | None) -> None:
        tracked = [
            Tracked(area.start, area.end, area.start)
            for area in space.areas
            if area.rights & PROT_WRITE
        ]
        if agent is not None:
            window = agent.control.window
            tracked.append(Tracked(window, window + space.ram.size, 0))
        ram, tracking = space.ram, self._write_tracking
        self._dirty = DirtyPages(ram, tracking, tracked, self._why_untracked)
        self._pages = PageKeeper(ram, self._dirty, self._restore_page)
        self._stops = stops
        space.on_access = self._accessed

    def _end_debugging(self) -> None:
        if self._write_tracking is not None:
            self._write_tracking.close()

    def _restore_page(self, gpa: int, data: bytes) -> None:
        self._dirty.note(gpa, len(data))
        self._put(gpa, data)

    def _accessed(self, start: int, size: int, write: bool) -> None:
        """The engine accesses guest memory: for an instruction of the guest, or as its result."""
        if not self._stops.idle:
            self._stops.accessed(start, size, write=write)
        if write:
            self._dirty.note(start, size)

    def _placed(self, *, complete: bool) -> None:
        """Somebody has set RIP; a complete state may have come with other memory."""
        self._has_crossed = False
        if complete:
            self._dirty.note_all()
