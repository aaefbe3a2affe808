"""A guest that stands still, looked at by many: registers and pages are asked for once."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol, runtime_checkable

from monitors.ports import Registers
from replay.engines.ram import PAGE_BYTES
from replay.player.stops import View

_PAGES_MAX = 4096
_ADDRESSES = 1 << 64


@runtime_checkable
class Stills(Protocol):
    """A view that can give a quicker one, for as long as the guest stands still."""

    def still(self) -> View:
        """That one."""
        ...


def paged(view: View) -> PagedView:
    """``view`` with what it shows asked for once, for as long as the guest stands still."""
    if isinstance(view, PagedView):
        return view
    return PagedView(view.still() if isinstance(view, Stills) else view)


class PagedView:
    """A view for as long as the guest stands where it does; see ``replay.player.stops.View``."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._pages: dict[int, bytes | None] = {}

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._registers

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address; ``None`` where the guest itself could not read it."""
        address %= _ADDRESSES
        offset = address % PAGE_BYTES
        if offset + size <= PAGE_BYTES:
            page = self.page(address - offset)
            if page is not None:
                return page[offset : offset + size]
        return self._view.read(address, size)

    def page(self, address: int) -> bytes | None:
        """The page that begins at an address."""
        if address not in self._pages:
            if len(self._pages) >= _PAGES_MAX:
                self._pages.clear()
            self._pages[address] = self._view.read(address, PAGE_BYTES)
        return self._pages[address]

    @cached_property
    def _registers(self) -> Registers:
        return self._view.registers()
