"""Which pages of a native guest were written, by whomever.

The guest and its agent write in their process, of which the kernel keeps account; the engine writes
in its own, and says so here. Where the kernel does not, pages are compared with copies of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from replay.engines.native.write_tracking import Tracked, WriteTracking
from replay.engines.ram import PAGE_BYTES, GuestRam

ZERO_PAGE = bytes(PAGE_BYTES)


class Comparison:
    """Copies of all pages in use. Pages written with what they held already do not count."""

    def __init__(self, ram: GuestRam) -> None:
        self._ram = ram
        self._copies: dict[int, bytes] = {}
        self.take()

    def take(self) -> set[int]:
        """The pages that have changed since the last time."""
        view, copies = self._ram.view, self._copies
        changed: set[int] = set()
        for number in resident_pages(self._ram):
            now = view[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]
            if now != copies.get(number, ZERO_PAGE):
                copies[number] = bytes(now)
                changed.add(number)
        return changed


class DirtyPages:
    """Tells each of its *readers*, whom a word names, what was written since it last asked.

    ``readers`` has what each of them is to be told next. ``slow_because`` says why pages are
    compared; it is empty while the kernel keeps account.
    """

    def __init__(
        self, ram: GuestRam, tracking: WriteTracking | None, tracked: Sequence[Tracked], why: str
    ) -> None:
        self._ram = ram
        self._tracking = tracking
        self._tracked = tracked
        self._source: Callable[[], set[int]] | None = None
        self.readers: dict[str, set[int]] = {}
        self.slow_because = why

    def take(self, reader: str) -> Sequence[int]:
        """Page numbers, ascending; for a new reader all pages in use."""
        if self._source is None:
            self._source = self._begin()
        elif self.readers:
            self._note(self._source())
        pending = self.readers.get(reader)
        self.readers[reader] = set()
        return list(resident_pages(self._ram)) if pending is None else sorted(pending)

    def note(self, gpa: int, size: int) -> None:
        """The engine has written there."""
        if self.readers and size:
            self._note(range(gpa // PAGE_BYTES, (gpa + size - 1) // PAGE_BYTES + 1))

    def note_all(self) -> None:
        """Somebody may have written anywhere."""
        if self.readers:
            self._note(resident_pages(self._ram))

    def _note(self, pages: Iterable[int]) -> None:
        numbers = frozenset(pages)
        for pending in self.readers.values():
            pending.update(numbers)

    def _begin(self) -> Callable[[], set[int]]:
        if self._tracking is not None:
            try:
                self._tracking.begin(self._tracked)
            except OSError as error:
                self.slow_because = f"the kernel keeps no account of writes: {error}"
            else:
                return self._tracking.take
        return Comparison(self._ram).take


def resident_pages(ram: GuestRam) -> Iterable[int]:
    """The numbers of all pages that may not be zero, ascending."""
    for start, end in ram.resident_ranges():
        yield from range(start // PAGE_BYTES, -(-end // PAGE_BYTES))
