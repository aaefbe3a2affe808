"""Page tables of our own, in which the emulator marks the pages that it writes.

They map what flat tables map, in pages of 4 KiB only, whose entries are not dirty. After Unicorn
has forgotten what it looked up, its first write to a page marks the entry, and its first access the
one of the table above. Layouts: Intel SDM volume 3, 4-level paging.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress

from replay.engines.paging import ReadPhysical
from replay.engines.ram import PAGE_BYTES

SHADOW_GPA = 3 << 38
"""Where the tables are mapped: no guest has memory there, and those of user mode lie below."""

_ENTRIES = 512
_LARGE_BYTES = _ENTRIES * PAGE_BYTES
_PRESENT, _WRITABLE, _USER, _ACCESSED, _DIRTY, _LARGE = 1, 2, 4, 0x20, 0x40, 0x80
_NO_EXECUTE = 1 << 63
_ADDRESS = 0x000F_FFFF_FFFF_F000
_IGNORED = 0x8 | 0x10 | 0xE00  # write-through, cache-disable, for software
_KNOWN = _PRESENT | _WRITABLE | _USER | _ACCESSED | _DIRTY | _LARGE | _IGNORED | _ADDRESS
_HALF = PAGE_BYTES // 2
_TABLES_MAX = 4096

_UNTOUCHED_TABLE = _PRESENT | _WRITABLE | _USER
_TABLE = _UNTOUCHED_TABLE | _ACCESSED
_FIRST_DIRECTORY = 2  # behind the tables of the two levels above
_IS_ACCESSED = bytes(flags // _ACCESSED & 1 for flags in range(256))
_IS_DIRTY = bytes(flags // _DIRTY & 1 for flags in range(256))


@dataclass(frozen=True, slots=True)
class FlatTables:
    """What page tables say that map each page to its own address, or not at all.

    ``leaves`` has an entry of 8 bytes for every page of memory, without the dirty flag, and as many
    empty ones as fill the last table; ``upper`` is the upper half of the topmost table, as it is.
    ``source`` holds the tables themselves, by physical address.
    """

    leaves: bytes
    upper: bytes
    source: Mapping[int, bytes]

    def still_hold(self, read: ReadPhysical) -> bool:
        """Whether the tables have not changed."""
        return all(read(gpa, PAGE_BYTES) == raw for gpa, raw in self.source.items())


def read_flat_tables(
    read: ReadPhysical, cr3: int, ram_bytes: int, *, no_execute: bool, keep_upper: bool = False
) -> FlatTables | None:
    """The tables under ``cr3``; ``None`` where others in their place would be noticed.

    So it is when they map anything elsewhere or beyond memory, when the processor would still mark
    their entries, or when the guest could write to them. ``no_execute`` is EFER.NXE; the upper half
    of the address space is not looked at where it is kept as it is.
    """
    walk = _Walk(read, ram_bytes, _KNOWN | (_NO_EXECUTE if no_execute else 0))
    top = cr3 & _ADDRESS
    begin = _HALF if keep_upper else PAGE_BYTES
    if not walk.table(top, 0, 39, _WRITABLE | _USER, begin) or walk.exposes_tables():
        return None
    upper = walk.source[top][_HALF:] if keep_upper else bytes(_HALF)
    return FlatTables(walk.leaves.tobytes(), upper, walk.source)


class _Walk:
    """Goes through tables; every method tells whether all was as it must be."""

    def __init__(self, read: ReadPhysical, ram_bytes: int, known: int) -> None:
        self.leaves = array("Q", bytes(-(-ram_bytes // _LARGE_BYTES) * PAGE_BYTES))
        self.source: dict[int, bytes] = {}
        self._read = read
        self._ram_bytes = ram_bytes
        self._known = known

    def table(self, gpa: int, gva: int, shift: int, rights: int, end: int = PAGE_BYTES) -> bool:
        """The first ``end`` bytes of a table, whose entries map ``1 << shift`` bytes each."""
        raw = self._read(gpa, PAGE_BYTES)
        if raw is None or gpa in self.source or len(self.source) >= _TABLES_MAX:
            return False
        self.source[gpa] = raw
        return all(
            self._entry(entry, gva + (index << shift), shift, rights)
            for index, (entry,) in enumerate(struct.iter_unpack("<Q", raw[:end]))
            if entry & _PRESENT
        )

    def exposes_tables(self) -> bool:
        """Whether the guest can write to any of the tables."""
        pages = (gpa // PAGE_BYTES for gpa in self.source if gpa < self._ram_bytes)
        return any(self.leaves[page] & _WRITABLE for page in pages)

    def _entry(self, entry: int, at: int, shift: int, rights: int) -> bool:
        if entry & ~self._known or not entry & _ACCESSED:
            return False
        rights = rights & entry & (_WRITABLE | _USER) | (rights | entry) & _NO_EXECUTE
        if shift == 12:
            return not entry & _LARGE and self._leaf(entry, at, PAGE_BYTES, rights)
        if not entry & _LARGE:
            return self.table(entry & _ADDRESS, at, shift - 9, rights)
        return shift == 21 and self._leaf(entry, at, _LARGE_BYTES, rights)

    def _leaf(self, entry: int, at: int, size: int, rights: int) -> bool:
        marks = bool(rights & _WRITABLE and not entry & _DIRTY)
        if entry & _ADDRESS != at or at + size > self._ram_bytes or marks:
            return False
        first, value = at // PAGE_BYTES, at | rights | _PRESENT | _ACCESSED
        values = array("Q", range(value, value + size, PAGE_BYTES))
        self.leaves[first : first + len(values)] = values
        return True


class ShadowTables:
    """Memory of this process that holds such tables; ``SHADOW_GPA`` is their CR3."""

    def __init__(self, flat: FlatTables) -> None:
        self.flat = flat
        self._clean = memoryview(_content(flat))
        self.size = len(self._clean)
        self._map = mmap.mmap(-1, self.size)
        self._memory = memoryview(self._map)
        self._memory[:] = self._clean
        self._anchor = ctypes.c_char.from_buffer(self._map)
        self._tables = len(flat.leaves) // PAGE_BYTES
        self._tables_at = self.size - len(flat.leaves)

    @property
    def address(self) -> int:
        """Where the tables lie in this process."""
        return ctypes.addressof(self._anchor)

    def take(self) -> list[int]:
        """The numbers of the pages written, ascending; none of them is marked any more.

        Unicorn must forget what it has looked up before it writes again.
        """
        memory, clean = self._memory, self._clean
        begin = _FIRST_DIRECTORY * PAGE_BYTES
        directory = slice(begin, begin + 8 * self._tables)
        accessed = bytes(memory[directory])[::8].translate(_IS_ACCESSED)
        pages: list[int] = []
        for number in compress(range(self._tables), accessed):
            start = self._tables_at + number * PAGE_BYTES
            table = slice(start, start + PAGE_BYTES)
            dirty = bytes(memory[table])[::8].translate(_IS_DIRTY)
            if 1 in dirty:
                first = number * _ENTRIES
                pages.extend(compress(range(first, first + _ENTRIES), dirty))
                memory[table] = clean[table]
        memory[directory] = clean[directory]
        return pages


def _content(flat: FlatTables) -> bytes:
    """One table of each of the two upper levels, the directories, then the tables with the leaves,
    all of a level behind each other."""
    tables = len(flat.leaves) // PAGE_BYTES
    directories = -(-tables // _ENTRIES)
    first_table = _FIRST_DIRECTORY + directories
    top = _entries(1, 1, _TABLE).ljust(_HALF, b"\0") + flat.upper
    above = _entries(_FIRST_DIRECTORY, directories, _TABLE).ljust(PAGE_BYTES, b"\0")
    middle = _entries(first_table, tables, _UNTOUCHED_TABLE).ljust(directories * PAGE_BYTES, b"\0")
    return top + above + middle + flat.leaves


def _entries(page: int, count: int, flags: int) -> bytes:
    """Entries for ``count`` tables that lie behind each other, from page ``page`` of them all."""
    first = SHADOW_GPA + page * PAGE_BYTES | flags
    return array("Q", range(first, first + count * PAGE_BYTES, PAGE_BYTES)).tobytes()
