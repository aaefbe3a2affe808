"""Pages that a guest's process may execute for a while, because the engine steps through them."""

from __future__ import annotations

from replay.engines.native.child import Child
from replay.engines.native.memory import Space, with_execution
from replay.engines.native.processor import Processor
from replay.engines.ram import PAGE_BYTES


class OpenPages:
    """``rights`` has what each of them, by address, allowed before."""

    def __init__(self, child: Child, space: Space, cpu: Processor) -> None:
        self._child = child
        self._space = space
        self._cpu = cpu
        self.rights: dict[int, int] = {}

    def open(self, gva: int) -> None:
        """Let the process execute the page at ``gva``."""
        page = gva & -PAGE_BYTES
        area = self._space.area(gva)
        if page in self.rights or area is None:
            return
        self._cpu.store()
        self._child.protect(page, PAGE_BYTES, with_execution(area.rights))
        self.rights[page] = area.rights

    def close(self) -> None:
        """Take it back for all of them."""
        self._cpu.store()
        for page, rights in self.rights.items():
            self._child.protect(page, PAGE_BYTES, rights)
        self.rights.clear()
