"""Tables that mirror others, and which of those can be mirrored."""

from __future__ import annotations

import ctypes
import struct

import pytest

from monitors.hvt.boot import PML4_GPA, boot_state
from monitors.manifest import Manifest
from monitors.ports import BootRequest, GuestImage
from replay.engines.paging import flat_ranges
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.shadow_tables import (
    SHADOW_GPA,
    FlatTables,
    ShadowTables,
    read_flat_tables,
)

SIZE = 8 << 20
P, W, U, A, D, LARGE = 1, 2, 4, 0x20, 0x40, 0x80
NX = 1 << 63
TABLE, LEAF = P | W | A, P | W | A | D
TOP, MIDDLE, DIRECTORY, LOWEST = 0x1000, 0x2000, 0x3000, 0x4000


class Memory:
    """Physical memory, with tables that map 2 MiB from 4 MiB on, and one page at 0x200000."""

    def __init__(self) -> None:
        self.content = bytearray(SIZE)
        self.put(TOP, MIDDLE | TABLE)
        self.put(MIDDLE, DIRECTORY | TABLE)
        self.put(DIRECTORY + 8, LOWEST | TABLE)
        self.put(DIRECTORY + 16, 0x400000 | LEAF | LARGE)
        self.put(LOWEST, 0x200000 | LEAF)

    def put(self, gpa: int, entry: int) -> None:
        struct.pack_into("<Q", self.content, gpa, entry)

    def read(self, gpa: int, size: int) -> bytes | None:
        return bytes(self.content[gpa : gpa + size]) if gpa + size <= SIZE else None

    def flat(self, *, no_execute: bool = False, keep_upper: bool = False) -> FlatTables | None:
        return read_flat_tables(self.read, TOP, SIZE, no_execute=no_execute, keep_upper=keep_upper)


def leaf(flat: FlatTables | None, page: int) -> int:
    assert flat is not None
    entry: int = struct.unpack_from("<Q", flat.leaves, 8 * page)[0]
    return entry


def mark(tables: ShadowTables, page: int) -> None:
    """As the processor does when it writes to a page."""
    count = len(tables.flat.leaves) // PAGE_BYTES
    above = tables.address + 2 * PAGE_BYTES + page // 512 * 8
    own = tables.address + tables.size - count * PAGE_BYTES + page * 8
    for address, flag in ((above, A), (own, D)):
        ctypes.c_uint64.from_address(address).value |= flag


def test_leaves_are_what_was_mapped_and_clean() -> None:
    flat = Memory().flat()
    assert [leaf(flat, 0x200), leaf(flat, 0x201)] == [0x200000 | P | W | A, 0]
    expected = [page * PAGE_BYTES | P | W | A for page in range(0x400, 0x600)]
    assert [leaf(flat, page) for page in range(0x400, 0x600)] == expected
    assert flat is not None
    assert len(flat.leaves) == SIZE // PAGE_BYTES * 8
    assert set(flat.source) == {TOP, MIDDLE, DIRECTORY, LOWEST}


def test_rights_of_all_levels_count() -> None:
    memory = Memory()
    memory.put(TOP, MIDDLE | TABLE | U)
    memory.put(MIDDLE, DIRECTORY | TABLE | U)
    memory.put(DIRECTORY + 8, LOWEST | P | A | U | NX)
    memory.put(LOWEST, 0x200000 | LEAF | U)
    memory.put(LOWEST + 8, 0x201000 | P | A | W)
    memory.put(DIRECTORY + 16, 0x400000 | P | A | LARGE | 0x18 | 0xE00)
    flat = memory.flat(no_execute=True)
    assert leaf(flat, 0x200) == 0x200000 | P | A | U | NX
    assert leaf(flat, 0x201) == 0x201000 | P | A | NX  # cannot be written: no D is needed
    assert leaf(flat, 0x400) == 0x400000 | P | A


NOTICEABLE = {
    "an address elsewhere": (LOWEST, 0x201000 | LEAF),
    "beyond memory": (DIRECTORY + 32, 0x800000 | LEAF | LARGE),
    "a table beyond memory": (DIRECTORY + 32, 0x10000000 | TABLE),
    "a table not accessed": (DIRECTORY + 8, LOWEST | P | W),
    "a page not accessed": (LOWEST, 0x200000 | P | W | D),
    "a page not dirty": (LOWEST, 0x200000 | P | W | A),
    "reserved address bits": (LOWEST, 0x200000 | LEAF | 1 << 51),
    "a reserved flag": (LOWEST, 0x200000 | LEAF | NX),
    "a global page": (LOWEST, 0x200000 | LEAF | 0x100),
    "another memory type": (LOWEST, 0x200000 | LEAF | LARGE),
    "1 GiB at once": (MIDDLE, 0 | LEAF | LARGE),
    "tables used twice": (DIRECTORY + 24, LOWEST | TABLE),
    "tables within themselves": (DIRECTORY, DIRECTORY | TABLE),
    "tables that can be written": (DIRECTORY, 0 | LEAF | LARGE),
    "the upper half": (TOP + 2048, MIDDLE | TABLE),
}


@pytest.mark.parametrize(("gpa", "entry"), NOTICEABLE.values(), ids=NOTICEABLE)
def test_what_would_be_noticed_is_not_mirrored(gpa: int, entry: int) -> None:
    memory = Memory()
    assert memory.flat() is not None
    memory.put(gpa, entry)
    assert memory.flat() is None


def test_tables_may_be_read_by_the_guest() -> None:
    memory = Memory()
    memory.put(DIRECTORY, P | A | LARGE)
    assert leaf(memory.flat(), 3) == 0x3000 | P | A


def test_the_upper_half_can_be_kept() -> None:
    memory = Memory()
    memory.put(TOP + 4088, 0x7000 | P)
    flat = memory.flat(keep_upper=True)
    assert flat is not None
    tables = ShadowTables(flat)
    assert ctypes.string_at(tables.address + 4088, 8) == struct.pack("<Q", 0x7000 | P)


def test_tables_are_compared_with_what_they_were() -> None:
    memory = Memory()
    flat = memory.flat()
    assert flat is not None
    assert flat.still_hold(memory.read)
    memory.put(LOWEST + 8, 0x201000 | LEAF)
    assert not flat.still_hold(memory.read)


def test_the_shadow_of_boot_tables_maps_the_same() -> None:
    """Of so much memory that there is more than one directory."""
    size = (1 << 30) + (2 << 20)
    image = GuestImage("hvt", 2, Manifest(()), 0x100000, (), (), 0x100000)
    boot = boot_state(BootRequest(image=image, mem_size=size, tsc_hz=1))
    low = bytearray(1 << 20)
    for segment in boot.segments:
        low[segment.gpa : segment.gpa + len(segment.data)] = segment.data

    def guests(gpa: int, count: int) -> bytes:
        return bytes(low[gpa : gpa + count])

    flat = read_flat_tables(guests, PML4_GPA, size, no_execute=False)
    assert flat is not None
    tables = ShadowTables(flat)

    def ours(gpa: int, count: int) -> bytes:
        return ctypes.string_at(tables.address + gpa - SHADOW_GPA, count)

    assert flat_ranges(ours, SHADOW_GPA) == flat_ranges(guests, PML4_GPA)


def test_marks_are_taken_once() -> None:
    flat = Memory().flat()
    assert flat is not None
    tables = ShadowTables(flat)
    content = ctypes.string_at(tables.address, tables.size)
    assert tables.take() == []
    for page in (0x5FF, 0x400, 0x402, 0x200):
        mark(tables, page)
    assert tables.take() == [0x200, 0x400, 0x402, 0x5FF]
    assert tables.take() == []
    assert ctypes.string_at(tables.address, tables.size) == content
