"""Watchpoints of a native guest: debug registers for its own instructions, and a look at every
access that the engine makes in its place.

x86 has no register that waits for reading only: such a watchpoint stops for writing too. What the
kernel accesses in a system call, no debug register sees; the agent, which makes such calls, rests
while something is watched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from replay.engines.native.debug_registers import Armed, Condition
from replay.engines.ports import Access, Watchpoint

_SIZES = (1, 2, 4, 8)
_CONDITIONS = {
    Access.WRITE: Condition.WRITE,
    Access.READ: Condition.READ_WRITE,
    Access.READ_WRITE: Condition.READ_WRITE,
}


class Watchpoints:
    """``hit`` is the watched address that was accessed last and nobody was told of yet."""

    def __init__(self, mem_size: int) -> None:
        self._mem_size = mem_size
        self._watched: Sequence[Watchpoint] = ()
        self.hit: int | None = None

    def __bool__(self) -> bool:
        return bool(self._watched)

    def armed(self, watchpoints: Collection[Watchpoint]) -> list[Armed]:
        """What debug registers have to wait for; a guest has no memory behind its own.

        Raises ValueError for what no register can watch.
        """
        for each in watchpoints:
            if each.size not in _SIZES or each.address % each.size or each.address < 0:
                raise ValueError(f"not 1, 2, 4 or 8 bytes, naturally aligned: {each}")
        return [
            Armed(each.address, each.size, _CONDITIONS[each.access])
            for each in watchpoints
            if each.address + each.size <= self._mem_size
        ]

    def use(self, watchpoints: Collection[Watchpoint]) -> None:
        """Replace all."""
        self._watched = tuple(watchpoints)
        self.hit = None

    def accessed(self, start: int, size: int, *, write: bool) -> None:
        """The engine has accessed memory in place of the guest."""
        for each in self._watched:
            is_meant = write or each.access is not Access.WRITE
            if is_meant and start < each.address + each.size and each.address < start + size:
                self.hit = each.address
                return
