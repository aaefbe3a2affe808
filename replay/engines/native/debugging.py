"""What the native engine can do for debuggers: the capabilities of ``replay.engines.ports``."""

from __future__ import annotations

from collections.abc import Collection

from replay.engines.native.debug_registers import REGISTERS
from replay.engines.native.stops import Stops
from replay.engines.ports import Watchpoint


class Debuggable:
    """A part of the engine; usable from its first ``set_registers`` on."""

    _stops: Stops

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

    def _accessed(self, start: int, size: int, write: bool) -> None:
        """The engine accesses guest memory: for an instruction of the guest, or as its result."""
        self._stops.accessed(start, size, write=write)
