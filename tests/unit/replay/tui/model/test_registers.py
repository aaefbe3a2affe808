from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.player.paged_view import PagedView
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.glyphs import ASCII
from replay.tui.model.registers import (
    OPEN_AT_FIRST,
    RegistersSeen,
    Section,
    changed_registers,
    extended,
    look_at_registers,
    register_rows,
)
from replay.tui.model.rows import Role, Rows, Span, ToCode, ToMemory, ToRegister
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, Named, standing_at, texts

DATA = 0x200000
NAMES = Named([Symbol(0x100000, "pay", 16)])


def seen(**registers: int) -> RegistersSeen:
    return look_at_registers(Guest({DATA: b"some text\0".ljust(64)}, **registers), NAMES)


def spans(rows: Rows) -> list[Span]:
    return [span for index in range(len(rows)) for span in rows.line(index)]


def test_general_registers_with_notes() -> None:
    lines = texts(register_rows(seen(rax=7, rdi=DATA, rip=0x100004, rflags=0x46), width=60))
    assert lines[0] == "▾ general"
    assert lines[1] == "rax    0x0000000000000007 7"
    assert 'rdi    0x0000000000200000 "some text"' in lines
    assert "rip    0x0000000000100004 <pay+0x4>" in lines
    assert lines[18] == "rflags 0x46 cf PF af ZF sf df of"
    assert lines[19] == "▸ segments"


def test_values_and_names_are_targets() -> None:
    targets = {span.target for span in spans(register_rows(seen(rdi=DATA, rip=0x100004)))}
    assert {ToRegister("rdi"), ToMemory(DATA), ToCode(0x100004), ToRegister("rflags")} <= targets


def test_changes_are_marked_and_not_by_colour_alone() -> None:
    before, after = seen(rax=1, rflags=0x40), seen(rax=2, rflags=0x281)
    assert changed_registers(after, before) == {"rax", "rflags"}
    rows = register_rows(after, before)
    lines = texts(rows)
    assert lines[1].startswith("rax   *0x0000000000000002")
    assert not lines[2].startswith("rbx   *")
    assert lines[18] == "rflags*0x281 CF* pf af zf* SF* df of IF*"
    assert {span.role for span in rows.line(1)} >= {Role.CHANGED}
    assert changed_registers(after, None) == frozenset()


def test_columns_by_width() -> None:
    for width, columns in ((20, 1), (79, 1), (80, 2), (121, 3), (500, 4)):
        rows = register_rows(seen(), width=width)
        assert len(rows) == 1 + -(-17 // columns) + 2
        assert max(map(len, texts(rows))) <= max(width, 40)


def test_closed_sections_tell_of_changes() -> None:
    rows = register_rows(seen(cs=8, fs_base=5), seen(cs=8, fs_base=6), glyphs=ASCII)
    assert texts(rows)[-1] == "+ segments *1 changed"
    assert [rows.title_of(row) for row in (0, 1, len(rows) - 1)] == [
        *(Section.GENERAL, None, Section.SEGMENTS)
    ]


def test_rows_of_registers() -> None:
    rows = register_rows(seen())
    assert rows.row_of("rbx") == 2
    assert rows.row_of("xmm0") is None


def test_vectors_and_the_old_stack_in_numbers() -> None:
    doubles = int.from_bytes(struct.pack("<2d", 1.5, -2.0), "little")
    pi = 0x4000_C90FDAA22168C235
    rows = register_rows(seen(xmm0=doubles, st0=pi, mxcsr=0x1F80), opened=frozenset(Section))
    lines = texts(rows)
    assert f"xmm0   {doubles:#034x}  1.5 -2" in lines
    assert f"st0    {pi:#x}  3.14159" in lines


@pytest.mark.parametrize(
    ("bits", "number"),
    [
        (0, 0.0),
        (0x3FFF_8000000000000000, 1.0),
        (0xBFFF_8000000000000000, -1.0),
        (0x7FFF_8000000000000000, math.inf),
        (0xFFFF_8000000000000000, -math.inf),
        (0x7FFE_FFFFFFFFFFFFFFFF, math.inf),
        (1, 0.0),
    ],
)
def test_extended_numbers(bits: int, number: float) -> None:
    assert extended(bits) == number


def test_what_is_no_number() -> None:
    assert math.isnan(extended(0x7FFF_C000000000000000))


@pytest.mark.parametrize("opened", [OPEN_AT_FIRST, frozenset(Section)])
def test_a_real_guest(recorder: Recorder, opened: frozenset[Section]) -> None:
    with standing_at(recorder, "hello", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        before = look_at_registers(PagedView(timeline), symbols)
        timeline.step(1)
        after = look_at_registers(PagedView(timeline), symbols)
        lines = texts(register_rows(after, before, width=60, opened=opened))
        assert "rip" in changed_registers(after, before)
        assert any(line.startswith("rip   *") and "<solo5_app_main+" in line for line in lines)
        if opened != OPEN_AT_FIRST:
            shown = {line.split()[0].rstrip("*") for line in lines}
            assert set(timeline.registers()) <= shown


VALUES = st.integers(0, (1 << 128) - 1)


@given(
    st.dictionaries(st.sampled_from(["rax", "rip", "rflags", "xmm3", "st1", "odd\n"]), VALUES),
    st.integers(-5, 300),
)
def test_any_values_are_rows(values: dict[str, int], width: int) -> None:
    now = look_at_registers(Guest({}, **values), NAMES)
    rows = register_rows(now, seen(), width=width, opened=frozenset(Section))
    assert len(texts(rows)) == len(rows)
