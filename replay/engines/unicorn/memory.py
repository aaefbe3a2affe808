"""Guest memory as a Unicorn instance must see it change."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence

from unicorn import unicorn_const as uc_const

from monitors.ports import Protection
from replay.engines.paging import PageFault, translate
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.engines.unicorn.instance import Instance

_U64_MAX = (1 << 64) - 1
_ADDRESS = 0x000F_FFFF_FFFF_F000
_LARGE = 0x80
_TABLES_MAX = 4096


class EngineMemory:
    """``ram`` mapped into ``instance``.

    ``watched_pages`` has one byte a page: 1 where code was ever translated or a page table lies, so
    that only a write to such a page is told to ``on_change``.
    """

    def __init__(
        self,
        instance: Instance,
        ram: GuestRam,
        protections: Sequence[Protection],
    ) -> None:
        self.ram = ram
        self.watched_pages = (ctypes.c_uint8 * (ram.size // PAGE_BYTES))()
        self._instance = instance
        self.on_change: Callable[[int, int], None] = _nobody_cares
        self.on_poke: Callable[[int, int], None] = _nobody_cares
        self.guest_cr3: int | None = None
        """What the guest takes for its CR3 while it runs under other tables."""
        self.written: set[int] | None = None
        """The pages that ``write`` has changed, while somebody wants to know, and empties it."""
        self.protections = protections
        self.is_physical = False
        self._read_only = [p for p in protections if not p.writable]
        self._unreadable = [p for p in protections if not p.readable]
        self._physical: Callable[[int], int | None] = self._walk
        instance.uc.mem_map_ptr(0, ram.size, uc_const.UC_PROT_ALL, ram.address)
        readable = uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC
        for protection in self._read_only:
            instance.uc.mem_protect(protection.start, protection.end - protection.start, readable)

    def read(self, gpa: int, size: int) -> bytes:
        """``size`` bytes at ``gpa``, all inside."""
        return bytes(self.ram.view[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        """Store ``data`` at ``gpa``, all inside."""
        if not data:
            return
        end = gpa + len(data)
        first, last = gpa // PAGE_BYTES, (end - 1) // PAGE_BYTES
        if self.written is not None:
            self.written.update(range(first, last + 1))
        if self.watched_pages[first] or any(self.watched_pages[first + 1 : last + 1]):
            changed = list(self._watched_changes(gpa, data))
            self.ram.view[gpa:end] = data
            for start, stop in changed:
                self.on_change(start, stop)
        else:
            self.ram.view[gpa:end] = data

    def _watched_changes(self, gpa: int, data: bytes) -> Iterator[tuple[int, int]]:
        """Which parts of watched pages ``data`` at ``gpa`` would change."""
        end = gpa + len(data)
        for page in range(gpa // PAGE_BYTES, (end - 1) // PAGE_BYTES + 1):
            if self.watched_pages[page]:
                start = max(gpa, page * PAGE_BYTES)
                stop = min(end, (page + 1) * PAGE_BYTES)
                if self.read(start, stop - start) != data[start - gpa : stop - gpa]:
                    yield start, stop

    def peek(self, gpa: int, size: int) -> bytes | None:
        """Guest memory, or ``None`` where the machine has none."""
        return self.read(gpa, size) if gpa + size <= self.ram.size else None

    def poke(self, gpa: int, data: bytes) -> bool:
        """Change guest memory as the processor would; false where it cannot."""
        end = gpa + len(data)
        if end > self.ram.size or self.is_read_only(gpa, end):
            return False
        self.write(gpa, data)
        self.on_poke(gpa, end)
        return True

    def is_read_only(self, start: int, end: int) -> bool:
        """Whether the host protects any of ``[start, end)`` against the guest."""
        return any(p.start < end and start < p.end for p in self._read_only)

    def code(self, pc: int, size: int) -> bytes:
        """Up to ``size`` bytes of code at a virtual address, as far as they are mapped; their pages
        are watched from now on."""
        found = b""
        for gpa, length in self.pieces(pc, size):
            self.watched_pages[gpa // PAGE_BYTES] = 1
            found += self.read(gpa, length)
        return found

    def read_virtual(self, gva: int, size: int) -> bytes | None:
        """Memory at a virtual address, or ``None`` where a read would fault."""
        found = b"".join(self.read(gpa, length) for gpa, length in self.pieces(gva, size))
        return found if len(found) == size else None

    def pieces(self, gva: int, size: int) -> Iterator[tuple[int, int]]:
        """The physical pieces of ``size`` bytes at ``gva``, up to the first that is missing: where
        each begins, and its size."""
        while size > 0:
            length = min(size, PAGE_BYTES - gva % PAGE_BYTES)
            gpa = self._physical(gva & _U64_MAX)
            if gpa is None or gpa + length > self.ram.size:
                return
            yield gpa, length
            gva, size = gva + length, size - length

    def use_physical_addresses(self) -> None:
        """From now on a virtual address is a physical one, where the protections let it be read."""
        self._physical = self._readable
        self.is_physical = True

    def cr3(self) -> int:
        """CR3, as the guest knows it."""
        return self._instance.get("cr3") if self.guest_cr3 is None else self.guest_cr3

    def _walk(self, gva: int) -> int | None:
        gpa = translate(self.peek, self.cr3(), gva)
        return None if isinstance(gpa, PageFault) else gpa

    def _readable(self, gva: int) -> int | None:
        return None if any(p.start <= gva < p.end for p in self._unreadable) else gva

    def is_flat(self, cr3: int) -> bool:
        """Whether every page that the tables under ``cr3`` map lies at its own address; tables that
        are used twice, or are very many, do not count as flat."""
        seen: set[int] = set()
        return self._maps_itself(cr3 & _ADDRESS, 0, 39, seen)

    def _maps_itself(self, table: int, gva: int, shift: int, seen: set[int]) -> bool:
        if table in seen or len(seen) >= _TABLES_MAX:
            return False
        seen.add(table)
        raw = self.peek(table, PAGE_BYTES) or b""
        for index, (entry,) in enumerate(struct.iter_unpack("<Q", raw)):
            if not entry & 1:
                continue
            at, below = gva + (index << shift), entry & _ADDRESS
            is_leaf = shift == 12 or (shift < 39 and entry & _LARGE)
            if is_leaf and below != at:
                return False
            if not is_leaf and not self._maps_itself(below, at, shift - 9, seen):
                return False
        return True

    def watch_tables(self, cr3: int) -> set[int]:
        """Watch the page tables under ``cr3``; returns the numbers of their pages."""
        pages: set[int] = set()
        level = [cr3 & _ADDRESS]
        for depth in range(4):
            pages.update(gpa // PAGE_BYTES for gpa in level)
            if depth < 3:
                level = [below for gpa in level for below in self._tables_below(gpa)]
        for page in pages:
            if page < len(self.watched_pages):
                self.watched_pages[page] = 1
        return pages

    def _tables_below(self, gpa: int) -> list[int]:
        raw = self.peek(gpa, PAGE_BYTES) or b""
        entries = (entry for (entry,) in struct.iter_unpack("<Q", raw))
        return [entry & _ADDRESS for entry in entries if entry & 1 and not entry & _LARGE]


def _nobody_cares(_gpa: int, _end: int) -> None:
    """Until code runs, nothing depends on memory."""
