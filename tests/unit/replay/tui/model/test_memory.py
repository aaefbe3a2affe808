from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ram import PAGE_BYTES
from replay.player.paged_view import PagedView
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.memory import (
    PAGES_KEPT_MAX,
    WANTED_BYTES_MAX,
    CursorSeen,
    MemoryRows,
    MemorySeen,
    MemoryWanted,
    cursor_rows,
    look_at_memory,
    row_bytes_for,
)
from replay.tui.model.rows import Role, ToCode, ToMemory, plain
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import (
    Guest,
    Named,
    built_and_standing_at,
    standing_at,
    texts,
)

START = 0x20000
SIZE = START + 2 * PAGE_BYTES
NAMES = Named([Symbol(0x100000, "pay", 8)], [Symbol(START + 4, "total", 4)])


def guest(data: bytes = b"Hello\0\1\xff") -> Guest:
    return Guest({START: data.ljust(PAGE_BYTES, b"\0")})


def look(
    view: Guest, address: int = START, size: int = 64, cursor: int | None = None
) -> MemorySeen:
    return look_at_memory(view, NAMES, MemoryWanted(address, size, cursor))


def row(rows: MemoryRows, address: int = START) -> str:
    index = rows.row_of(address)
    assert index is not None
    return plain(rows.line(index))


def test_a_row_of_bytes() -> None:
    rows = MemoryRows(look(guest()), SIZE, 8)
    assert row(rows) == "00020000 48 65 6c 6c 6f 00 01 ff Hello...  total"
    assert len(rows) == SIZE // 8
    wide = row(MemoryRows(look(guest()), SIZE, 16))
    assert wide.startswith("00020000 48 65 6c 6c 6f 00 01 ff  00 00")


def test_bytes_are_targets() -> None:
    line = MemoryRows(look(guest()), SIZE, 8).line(START // 8)
    targets = [span.target for span in line]
    assert targets.count(ToMemory(START + 3, 1)) == 1
    assert ToMemory(START + 4) in targets


def test_what_nobody_looked_at_and_what_cannot_be_read() -> None:
    rows = MemoryRows(look(guest(), START, PAGE_BYTES + 1), SIZE, 8)
    assert row(rows, START + PAGE_BYTES).split()[1:9] == ["??"] * 8
    assert row(rows, 0).split()[1:9] == [".."] * 8


def test_changes_and_the_cursor_are_marked() -> None:
    before, after = look(guest()), look(guest(b"HellO\0\1\xff"))
    rows = MemoryRows(after, SIZE, 8, before=before, cursor=START + 1)
    assert row(rows) == "00020000 48[65 6c 6c*4f 00 01 ff HellO...  total"
    line = rows.line(START // 8)
    roles = {span.text: span.role for span in line}
    assert (roles["*4f"], roles["[65"]) == (Role.CHANGED, Role.CURRENT)
    assert (roles["O"], roles["e"]) == (Role.CHANGED, Role.CURRENT)
    found = MemoryRows(after, SIZE, 8, found=(START + 2, 2)).line(START // 8)
    assert [span.text for span in found if span.role is Role.MATCH] == [" 6c", " 6c", "ll"]


def test_rows_by_width() -> None:
    for size in (8, 16, 32):
        width = len(row(MemoryRows(look(guest(), size=1), SIZE, size), START + 64))
        assert row_bytes_for(width) == size
        assert row_bytes_for(width - 1) < size or size == 8


@pytest.mark.parametrize("row_bytes", [8, 16, 32])
def test_a_click_finds_its_byte(row_bytes: int) -> None:
    rows = MemoryRows(look(guest()), SIZE, row_bytes)
    index = START // row_bytes
    column, hit = 0, {}
    for span in rows.line(index):
        if isinstance(span.target, ToMemory) and span.target.size == 1:
            hit[column + len(span.text) - 1] = span.target.address
        column += len(span.text)
    assert list(hit.values()) == list(range(START, START + row_bytes))
    assert all(rows.address_of(index, at) == address for at, address in hit.items())
    letters = column - row_bytes - len("  total")
    for number in range(row_bytes):
        assert rows.address_of(index, letters + number) == START + number
    assert rows.address_of(index, 0) == START
    assert rows.address_of(index, 999) == START + row_bytes - 1


def test_the_last_row_may_be_short() -> None:
    rows = MemoryRows(MemorySeen(), 20, 16)
    assert len(rows) == 2
    assert plain(rows.line(1)).split() == ["00000010", *[".."] * 4]
    assert rows.row_of(20) is None
    assert rows.row_of(-1) is None
    assert len(MemoryRows(MemorySeen(), 0)) == 0


def test_what_is_at_the_cursor() -> None:
    memory = struct.pack("<Q", 0x100004) + struct.pack("<d", -1.5) + b"some text\0"
    seen = look(guest(memory), cursor=START)
    assert seen.cursor is not None
    assert seen.cursor.leads_to == ToCode(0x100004)
    lines = texts(cursor_rows(seen.cursor))
    assert lines[0] == "0x20000"
    assert "u32 1048580  0x100004  f32 1.46937e-39" in lines
    assert "-> 0x100004 <pay+0x4>" in lines
    number = look(guest(memory), cursor=START + 8).cursor
    assert number is not None
    assert any(line.endswith("f64 -1.5") for line in texts(cursor_rows(number)))
    text = look(guest(memory), cursor=START + 16).cursor
    assert text is not None
    assert texts(cursor_rows(text))[-1] == '"some text"'


def test_a_cursor_in_a_variable_and_in_nowhere() -> None:
    named = look(guest(), cursor=START + 5).cursor
    nowhere = look(guest(), cursor=5).cursor
    assert named is not None
    assert nowhere is not None
    assert texts(cursor_rows(named))[0] == "0x20005 <total+0x1>"
    assert texts(cursor_rows(nowhere)) == ["0x5  no memory can be read here"]
    assert nowhere.leads_to is None


def test_what_was_seen_at_one_stop_comes_together() -> None:
    first, later = look(guest()), look(guest(), START + PAGE_BYTES)
    both = first.and_then(later)
    assert both.has(START)
    assert both.has(START + PAGE_BYTES)
    many = MemorySeen({n * PAGE_BYTES: None for n in range(PAGES_KEPT_MAX)})
    assert len(many.and_then(look(guest(), START << 8)).pages) == 1


def test_looks_are_bounded() -> None:
    seen = look(guest(), START, 1 << 60)
    assert len(seen.pages) == WANTED_BYTES_MAX // PAGE_BYTES


def test_a_real_guest(recorder: Recorder) -> None:
    with standing_at(recorder, "globals", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        variable = next(each for each in symbols.all_variables() if each.size >= 4)
        wanted = MemoryWanted(variable.address, 256, variable.address)
        seen = look_at_memory(PagedView(timeline), symbols, wanted)
        rows = MemoryRows(seen, timeline.machine.plan.mem_size)
        assert variable.name in row(rows, variable.address)
        assert seen.cursor is not None
        assert seen.cursor.name == variable.name
        data = timeline.read(variable.address, 4)
        assert data is not None
        assert seen.cursor.data[:4] == data


@given(
    st.binary(max_size=64),
    st.integers(0, (1 << 64) + 5),
    st.integers(-1, 1 << 20),
    st.integers(0, 64),
    st.sampled_from([8, 16, 32]),
)
def test_any_memory_is_rows(
    data: bytes, address: int, size: int, offset: int, row_bytes: int
) -> None:
    for at in (address, START + offset):
        seen = look(guest(data), at, size, cursor=at)
        rows = MemoryRows(seen, SIZE, row_bytes, before=look(guest()), cursor=at)
        assert plain(rows.line(START // row_bytes)).isprintable()
        assert isinstance(seen.cursor, CursorSeen)
        assert texts(cursor_rows(seen.cursor))


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_memory_is_where_its_size_says(tmp_path: Path, target: str) -> None:
    with built_and_standing_at(tmp_path, "hello", target, "2", "solo5_app_main") as timeline:
        symbols, size = Symbols(timeline.guest), timeline.machine.plan.mem_size
        for address in (timeline.registers()["rip"], timeline.registers()["rsp"]):
            seen = look_at_memory(timeline, symbols, MemoryWanted(address, 16, address))
            assert address < size
            assert seen.byte(address) is not None
            assert MemoryRows(seen, size).row_of(address) == address // 16
        assert look_at_memory(timeline, symbols, MemoryWanted(size, 16)).byte(size) is None
