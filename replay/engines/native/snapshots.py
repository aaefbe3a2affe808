"""Snapshots of a native guest's memory, which share the pages that did not change between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitors.ports import Registers
from replay.engines.native.dirty import ZERO_PAGE, DirtyPages
from replay.engines.ports import Snapshot
from replay.engines.ram import PAGE_BYTES, GuestRam

_READER = "snapshots"


@dataclass(frozen=True, slots=True)
class NativeSnapshot(Snapshot):
    """``hidden`` is what of the processor's state engines do not report."""

    hidden: Registers


class PageKeeper:
    """Knows the guest's pages as of the last snapshot or return to one. ``put`` changes memory."""

    def __init__(
        self, ram: GuestRam, dirty: DirtyPages, put: Callable[[int, bytes], object]
    ) -> None:
        self._ram = ram
        self._dirty = dirty
        self._put = put
        self._known: dict[int, bytes] = {}

    def save(self) -> Mapping[int, bytes]:
        """All pages that are not zero."""
        known = self._known
        for number in self._dirty.take(_READER):
            now = self._page(number)
            if now == ZERO_PAGE:
                known.pop(number, None)
            elif number not in known or now != known[number]:
                known[number] = bytes(now)
        return dict(known)

    def restore(self, pages: Mapping[int, bytes]) -> int:
        """Make memory as it was; returns how many pages had to be written."""
        known = self._known
        suspects = set(self._dirty.take(_READER))
        suspects.update(n for n in known if pages.get(n) is not known[n])
        suspects.update(n for n in pages if n not in known)
        written = 0
        for number in sorted(suspects):
            wanted = pages.get(number, ZERO_PAGE)
            if self._page(number) != wanted:
                self._put(number * PAGE_BYTES, wanted)
                written += 1
        self._known = dict(pages)
        return written

    def _page(self, number: int) -> memoryview:
        return self._ram.view[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]
