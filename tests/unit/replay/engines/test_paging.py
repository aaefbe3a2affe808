from __future__ import annotations

import struct

import pytest

from replay.engines.paging import PageFault, is_canonical, translate

P, W, LARGE = 1, 2, 0x80
CR3 = 0x1000


class Tables:
    """Page tables in a small physical memory."""

    def __init__(self) -> None:
        self.memory = bytearray(0x10000)

    def set(self, table: int, index: int, entry: int) -> None:
        struct.pack_into("<Q", self.memory, table + 8 * index, entry)

    def read(self, gpa: int, size: int) -> bytes | None:
        return bytes(self.memory[gpa : gpa + size]) if gpa + size <= len(self.memory) else None

    def translate(self, gva: int, *, write: bool = False) -> int | PageFault:
        return translate(self.read, CR3, gva, write=write)


@pytest.fixture
def tables() -> Tables:
    made = Tables()
    made.set(0x1000, 0, 0x2000 | P | W)
    made.set(0x1000, 511, 0x2000 | P | W)
    made.set(0x2000, 0, 0x3000 | P | W)
    made.set(0x2000, 1, 0x4000_0000 | P | W | LARGE)
    made.set(0x2000, 2, 0x3000 | P)
    made.set(0x3000, 0, 0x4000 | P | W)
    made.set(0x3000, 1, 0x80_0000 | P | W | LARGE)
    made.set(0x3000, 2, 0x80_0000 | P | LARGE)
    made.set(0x3000, 3, 0xFFFF_F000 | P | W)
    made.set(0x4000, 5, 0x7000 | P | W)
    made.set(0x4000, 6, 0x8000 | P)
    return made


def test_small_page(tables: Tables) -> None:
    assert tables.translate(0x5123) == 0x7123


def test_two_mib_page(tables: Tables) -> None:
    assert tables.translate(0x20_0000 + 0x12345) == 0x80_0000 + 0x12345


def test_one_gib_page(tables: Tables) -> None:
    assert tables.translate(0x4000_0000 + 0x1234567) == 0x4000_0000 + 0x1234567


def test_the_upper_half_of_addresses(tables: Tables) -> None:
    assert tables.translate(0xFFFF_FF80_0000_5000) == 0x7000


@pytest.mark.parametrize("write", [False, True])
def test_what_is_not_present(tables: Tables, write: bool) -> None:
    assert tables.translate(0x7008, write=write) == PageFault(0x7008, 2 if write else 0)
    assert tables.translate(1 << 39, write=write) == PageFault(1 << 39, 2 if write else 0)


def test_read_only_pages_refuse_writes_only(tables: Tables) -> None:
    assert tables.translate(0x6004) == 0x8004
    assert tables.translate(0x6004, write=True) == PageFault(0x6004, 3)
    assert tables.translate(0x40_0004, write=True) == PageFault(0x40_0004, 3)


def test_a_read_only_table_makes_its_pages_read_only(tables: Tables) -> None:
    gva = 2 * 0x4000_0000 + 0x5000
    assert tables.translate(gva) == 0x7000
    assert tables.translate(gva, write=True) == PageFault(gva, 3)


def test_tables_where_no_memory_is(tables: Tables) -> None:
    assert tables.translate(0x60_0000) == PageFault(0x60_0000, 0)
    assert translate(tables.read, 0xFFFF_F000, 0) == PageFault(0, 0)


@pytest.mark.parametrize("address", [0, 0x7FFF_FFFF_FFFF, 0xFFFF_8000_0000_0000, (1 << 64) - 1])
def test_canonical(address: int) -> None:
    assert is_canonical(address)


@pytest.mark.parametrize("address", [1 << 47, 1 << 63, 0xFFFF_7FFF_FFFF_FFFF, 0x8000_0000_0000])
def test_not_canonical(address: int) -> None:
    assert not is_canonical(address)
