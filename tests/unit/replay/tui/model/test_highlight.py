from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.toolchain.programs import find_program
from replay.tui.model.highlight import (
    HIGHLIGHTED_CHARACTERS_MAX,
    LINE_CHARACTERS_MAX,
    highlighted,
)
from replay.tui.model.rows import Line, Role, plain

C = """\
#include "print.h"
/* two
   lines */
static int pay(uint64_t cents)
{
\treturn cents > 7 ? "yes\\n" : 0;
}
"""


def roles(line: Line) -> dict[str, Role]:
    return {span.text.strip(): span.role for span in line}


def test_c_is_told_apart() -> None:
    lines = highlighted("lib/pay.c", C)
    assert len(lines) == C.count("\n") + 1
    assert roles(lines[1])["/* two"] is roles(lines[2])["lines */"] is Role.COMMENT
    assert roles(lines[3])["static"] is Role.KEYWORD
    assert roles(lines[3])["int"] is Role.TYPE
    assert roles(lines[3])["pay"] is Role.NAME
    assert roles(lines[5])["7"] is Role.NUMBER
    assert any(role is Role.STRING and "yes" in text for text, role in roles(lines[5]).items())


def test_tabs_are_spaces() -> None:
    assert plain(highlighted("a.c", "\tint x;\tint y;")[0]) == "        int x;  int y;"


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("unikernel.ml", "let pay order = order", "let"),
        ("main.rs", "fn main() {}", "fn"),
        ("start.S", "  movq %rsp, %rdi # move", "# move"),
        ("start.s", "  movq %rsp, %rdi # move", "# move"),
        ("Makefile", "# all\nall:\n", "# all"),
    ],
)
def test_languages_by_file_name(name: str, text: str, word: str) -> None:
    assert roles(highlighted(name, text)[0])[word] in (Role.KEYWORD, Role.COMMENT)


def test_an_unknown_language_is_plain() -> None:
    assert highlighted("x.nobodyknows", "int x;")[0] == (("int x;", Role.TEXT, None),)


def test_line_numbers_are_those_of_the_file() -> None:
    text = "\n\n\r\nint x;\r\n\x0c\nint y;"
    lines = highlighted("a.c", text)
    assert [plain(line) for line in lines] == ["", "", "", "int x;", "\\x0c", "int y;"]


def test_a_whole_source_file_comes_back() -> None:
    path = find_program("flaky").directory / "main.c"
    text = path.read_text()
    assert "\n".join(map(plain, highlighted(str(path), text))) == text.expandtabs(8)
    assert highlighted(str(path), text) is highlighted(str(path), text)


def test_large_files_are_plain_and_long_lines_cut() -> None:
    line = "int x;" * 1000 + "\n"
    lines = highlighted("a.c", line * (HIGHLIGHTED_CHARACTERS_MAX // len(line) + 1))
    assert [span.text for span in lines[0]] == [line[:LINE_CHARACTERS_MAX], "…"]


@given(st.text(max_size=200), st.sampled_from(["a.c", "a.ml", "a.rs", "a.S", "a", "a.py", "\0.c"]))
def test_any_text_is_rows_of_visible_text(text: str, name: str) -> None:
    lines = highlighted(name, text)
    assert len(lines) == text.count("\n") + 1
    assert all(span.text.isprintable() for line in lines for span in line)
