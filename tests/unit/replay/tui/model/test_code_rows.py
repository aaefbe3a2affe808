from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.player.locations import parse_location
from replay.player.paged_view import PagedView
from replay.player.source_files import SourceFiles
from replay.player.symbols import Symbol, Symbols
from replay.toolchain.programs import find_program
from replay.tui.model.code import CodeLooker, CodeSeen
from replay.tui.model.code_rows import CodeStyle, Form, arrow_cells, code_rows
from replay.tui.model.glyphs import ASCII, UNICODE
from replay.tui.model.listing import Arrow
from replay.tui.model.rows import Role, ToCode, plain
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, Named, standing_at, texts

START = 0x100000
PROGRAMS = find_program("flaky").directory.parents[1]
LOOP = "90 7406 90 75fb 0f05 06 c3"  # nop; je +6; nop; jne -5; syscall; no instruction; ret


def small(**registers: int) -> CodeSeen:
    guest = Guest({START: bytes.fromhex(LOOP)}, **({"rip": START} | registers))
    names = Named([Symbol(START, "loop", len(bytes.fromhex(LOOP)))])
    return CodeLooker(names, SourceFiles([])).look(guest)


def test_disassembly_with_arrows() -> None:
    here = small(rip=START + 1, rflags=0x40)
    assert texts(code_rows(here, Form.DISASSEMBLY)) == [
        "      0x100000  nop",
        " ▶╭╭→ 0x100001  je      0x100009                  <loop+0x9>  will branch",
        "  ││  0x100003  nop",
        "  │╰─ 0x100004  jne     0x100001                  <loop+0x1>",
        "  │   0x100006  syscall",
        "  │   0x100008  .byte   0x06",
        "  ╰─→ 0x100009  ret",
    ]
    without = texts(code_rows(here, Form.DISASSEMBLY, CodeStyle(show_arrows=False)))
    assert without[0] == "   0x100000  nop"


@pytest.mark.parametrize("form", Form)
def test_without_source_every_form_is_disassembly(form: Form) -> None:
    rows = code_rows(small(rip=START + 3), form)
    shown = texts(rows)
    assert any(line.endswith("nop") for line in shown)
    assert rows.current is not None
    assert "▶" in shown[rows.current]
    assert any("no source lines" in line for line in shown) == (form is not Form.DISASSEMBLY)
    assert any(".byte" in line and "0x06" in line for line in shown)


def test_marks_stand_in_the_gutter() -> None:
    style = CodeStyle(breaks={START: True, START + 1: False}, bookmarks=frozenset({START + 3}))
    lines = texts(code_rows(small(), Form.DISASSEMBLY, style))
    assert [line[0] for line in lines[:4]] == ["●", "○", "◆", " "]
    ascii_lines = texts(
        code_rows(small(), Form.DISASSEMBLY, CodeStyle(breaks={START: True}, glyphs=ASCII))
    )
    assert ascii_lines[0].startswith("B>")
    assert all(line.isascii() for line in ascii_lines)


def test_bytes_are_shown_if_wanted() -> None:
    lines = texts(code_rows(small(), Form.DISASSEMBLY, CodeStyle(show_bytes=True)))
    assert "0f 05" in lines[4]


def test_rows_have_addresses_places_and_targets() -> None:
    rows = code_rows(small(), Form.DISASSEMBLY)
    assert rows.address(1) == START + 1
    assert rows.place(1) == "*0x100001"
    targets = [span.target for span in rows.line(1)]
    assert ToCode(START + 1) in targets
    assert ToCode(START + 9) in targets
    assert rows.row_of(START + 4) == 3
    assert rows.row_of(0) is None


def test_arrows_meet_their_instructions() -> None:
    inner, outer = Arrow(3, 1, 0), Arrow(0, 4, 1)
    cells = [
        arrow_cells([outer], 0, 2, UNICODE),
        arrow_cells([outer, inner], 1, 2, UNICODE),
        arrow_cells([outer, inner], 2, 2, UNICODE),
        arrow_cells([outer, inner], 3, 2, UNICODE),
        arrow_cells([outer], 4, 2, UNICODE),
    ]
    assert cells == ["╭──", "│╭→", "││ ", "│╰─", "╰─→"]
    assert arrow_cells([inner], 1, 1, ASCII) == ",>"


def flaky(recorder: Recorder, *places: str) -> CodeSeen:
    with standing_at(recorder, "flaky", *places) as timeline:
        looker = CodeLooker(Symbols(timeline.guest), SourceFiles([PROGRAMS]))
        return looker.look(PagedView(timeline))


def test_source_of_a_real_guest(recorder: Recorder) -> None:
    seen = flaky(recorder, "solo5_app_main")
    rows = code_rows(seen, Form.SOURCE, CodeStyle(breaks={seen.at: True}))
    assert len(rows) == len(seen.text)
    assert rows.current == seen.line - 1
    line = rows.line(rows.current)
    assert plain(line).startswith(f"●▶ {seen.line}")
    assert {span.role for span in line} >= {Role.MARK, Role.CURRENT}
    assert rows.address(rows.current) == seen.at
    assert rows.place(rows.current) == f"programs/flaky/main.c:{seen.line}"
    assert rows.address(0) is None


def test_places_of_rows_are_understood(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        seen = CodeLooker(symbols, SourceFiles([PROGRAMS])).look(timeline)
        for form in (Form.SOURCE, Form.DISASSEMBLY):
            rows = code_rows(seen, form)
            assert rows.current is not None
            assert seen.at in parse_location(rows.place(rows.current), symbols)


def test_mixed_rows_of_a_real_guest(recorder: Recorder) -> None:
    seen = flaky(recorder, "solo5_app_main", "book_entry")
    rows = code_rows(seen, Form.MIXED)
    shown = texts(rows)
    assert rows.current is not None
    assert "▶" in shown[rows.current]
    assert "▶" not in "".join(shown[: rows.current] + shown[rows.current + 1 :])
    assert any("inlined: do_business > place_order" in line for line in shown)
    addresses = [rows.address(row) for row in range(len(rows)) if rows.place(row)[:1] == "*"]
    assert addresses == [each.address for each in seen.listing.instructions]
    sources = [line for line in shown if "struct order *order = book_entry" in line]
    assert sources


def test_a_breakpoint_within_a_line_shows_at_the_line(recorder: Recorder) -> None:
    seen = flaky(recorder, "solo5_app_main")
    inner = next(
        each
        for each in seen.listing.instructions
        if each.path == seen.path and each.address not in seen.code_lines.values()
    )
    rows = code_rows(seen, Form.SOURCE, CodeStyle(breaks={inner.address: False}))
    assert plain(rows.line(inner.line - 1)).startswith("○")


@given(
    st.binary(min_size=1, max_size=300), st.integers(0, 299), st.sampled_from(Form), st.booleans()
)
def test_any_code_is_rows(code: bytes, offset: int, form: Form, show_bytes: bool) -> None:
    guest = Guest({START: code}, rip=START + offset)
    names = Named([Symbol(START, "f\x1b[31m", len(code))])
    seen = CodeLooker(names, SourceFiles([])).look(guest)
    rows = code_rows(seen, form, CodeStyle(show_bytes=show_bytes))
    assert len(texts(rows)) == len(rows)
