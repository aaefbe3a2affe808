"""Pages of a guest's memory under KVM: which were written, and all of them kept.

KVM logs what the guest writes and nothing else, so what the host writes is noted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from replay.engines.kvm import api
from replay.engines.kvm.vm import Slot
from replay.engines.ram import PAGE_BYTES, GuestRam

_ZERO_PAGE = bytes(PAGE_BYTES)


class LogsPages(Protocol):
    """A virtual machine, as far as its memory goes."""

    def set_memory(self, slots: Sequence[Slot], flags: int = 0) -> None: ...

    def dirty_pages(self) -> list[int]: ...


class Pages:
    """The pages of one guest; ``slots`` gives its memory as it is mapped."""

    def __init__(
        self, machine: LogsPages, ram: GuestRam, slots: Callable[[], Sequence[Slot]]
    ) -> None:
        self._machine = machine
        self._ram = ram
        self._slots = slots
        self._is_logging = False
        self._written: set[int] = set()

    def dirty(self) -> Sequence[int]:
        """See ``TracksDirtyPages.dirty_pages``."""
        if not self._is_logging:
            self._is_logging = True
            self._machine.set_memory(self._slots(), api.MEM_LOG_DIRTY_PAGES)
            return list(self._present())
        found = sorted(self._written.union(self._machine.dirty_pages()))
        self._written.clear()
        return found

    def note(self, gpa: int, size: int) -> None:
        """The host has written ``size`` bytes at ``gpa``."""
        if self._is_logging and size:
            self._written.update(range(gpa // PAGE_BYTES, (gpa + size - 1) // PAGE_BYTES + 1))

    def save(self) -> Mapping[int, bytes]:
        """All pages that are not zero, by number."""
        pages = ((page, bytes(self._page(page))) for page in self._present())
        return {page: data for page, data in pages if data != _ZERO_PAGE}

    def restore(self, pages: Mapping[int, bytes]) -> None:
        """Make memory as it was when it was saved."""
        for page in {*self._present(), *pages}:
            wanted = pages.get(page, _ZERO_PAGE)
            now = self._page(page)
            if now != wanted:
                now[:] = wanted
                self.note(page * PAGE_BYTES, PAGE_BYTES)

    def _page(self, number: int) -> memoryview:
        return self._ram.view[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]

    def _present(self) -> Iterator[int]:
        """The pages that the host has; all others are zero."""
        for start, end in list(self._ram.resident_ranges()):
            yield from range(start // PAGE_BYTES, -(-end // PAGE_BYTES))
