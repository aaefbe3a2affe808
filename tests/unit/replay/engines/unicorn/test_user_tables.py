"""Page tables of guests in user mode, walked as a processor does."""

from __future__ import annotations

import pytest

from monitors.ports import Protection
from replay.engines.paging import PageFault, translate
from replay.engines.unicorn.user_tables import (
    GDT_GPA,
    GDT_GVA,
    HIDDEN_GPA,
    STUB_ENTRY_GPA,
    STUB_GVA,
    hidden_pages,
)

MIB = 1 << 20
PAGE = 4096
PRESENT, WRITABLE, USER, NO_EXECUTE = 1, 2, 4, 1 << 63


class Tables:
    """The hidden pages for one choice of protections."""

    def __init__(self, size: int, *protections: Protection) -> None:
        self.content = bytearray(hidden_pages(size, protections, b"GDT", b"stub"))

    def read(self, gpa: int, size: int) -> bytes | None:
        at = gpa - HIDDEN_GPA
        return bytes(self.content[at : at + size]) if 0 <= at < len(self.content) else None

    def place(self, gva: int) -> int | None:
        found = translate(self.read, HIDDEN_GPA, gva)
        return None if isinstance(found, PageFault) else found

    def leaf(self, gva: int) -> int:
        """The entry that decides about an address."""
        table, entry = HIDDEN_GPA, 0
        for shift in (39, 30, 21, 12):
            raw = self.read(table + (gva >> shift & 511) * 8, 8)
            entry = int.from_bytes(raw or b"", "little")
            if not entry & PRESENT or (entry & 0x80 and shift != 12):
                break
            table = entry & 0x000F_FFFF_FFFF_F000
        return entry


def test_all_memory_is_at_its_own_address_and_nothing_else_is_there() -> None:
    tables = Tables(5 * MIB)
    for gva in (0, 0x1234, 2 * MIB - 1, 2 * MIB, 4 * MIB, 5 * MIB - 1):
        assert tables.place(gva) == gva
    for gva in (5 * MIB, 6 * MIB, 1 << 30, 1 << 38, HIDDEN_GPA):
        assert tables.place(gva) is None


def test_four_gibibytes() -> None:
    tables = Tables(4096 * MIB, Protection(0, 0x10000, writable=False, readable=False))
    assert tables.place((4096 * MIB) - 1) == 4096 * MIB - 1
    assert tables.place(0xFFFF) is None
    assert tables.place(0x10000) == 0x10000
    assert len(tables.content) < 20 * PAGE


RIGHTS = [
    (True, True, True, PRESENT | USER | WRITABLE),
    (True, True, False, PRESENT | USER | WRITABLE | NO_EXECUTE),
    (True, False, True, PRESENT | USER),
    (True, False, False, PRESENT | USER | NO_EXECUTE),
    (False, False, False, 0),
    (False, True, True, 0),
]


@pytest.mark.parametrize(("readable", "writable", "executable", "flags"), RIGHTS)
@pytest.mark.parametrize("span", [(0x101000, 0x102000), (2 * MIB, 4 * MIB), (0x1FF000, 5 * MIB)])
def test_rights_are_those_of_the_protections(
    span: tuple[int, int], readable: bool, writable: bool, executable: bool, flags: int
) -> None:
    start, end = span
    tables = Tables(5 * MIB, Protection(start, end, writable, readable, executable))
    relevant = PRESENT | USER | WRITABLE | NO_EXECUTE
    for gva in (start, end - 1):
        assert tables.leaf(gva) & relevant == flags
    for gva in (start - 1, *((end,) if end < 5 * MIB else ())):
        assert tables.leaf(gva) & relevant == PRESENT | USER | WRITABLE


def test_where_two_protections_meet_both_count() -> None:
    whole = Protection(0, 4 * MIB, writable=True, executable=False)
    part = Protection(MIB, 2 * MIB, writable=False)
    tables = Tables(4 * MIB, whole, part)
    assert tables.leaf(MIB) & (WRITABLE | NO_EXECUTE) == NO_EXECUTE
    assert tables.leaf(2 * MIB) & (WRITABLE | NO_EXECUTE) == WRITABLE | NO_EXECUTE


def test_the_supervisors_pages_are_its_own() -> None:
    tables = Tables(MIB)
    assert tables.place(GDT_GVA) == GDT_GPA
    assert tables.leaf(GDT_GVA) & (USER | WRITABLE) == 0
    assert tables.leaf(STUB_GVA) & (USER | WRITABLE) == WRITABLE
    assert tables.read(GDT_GPA, 3) == b"GDT"
    assert tables.read(tables.place(STUB_GVA) or 0, 4) == b"stub"


def test_the_stub_can_be_taken_away() -> None:
    tables = Tables(MIB)
    at = STUB_ENTRY_GPA - HIDDEN_GPA
    tables.content[at : at + 8] = bytes(8)
    assert tables.place(STUB_GVA) is None
    assert tables.place(GDT_GVA) == GDT_GPA
