"""Rows of spans: nothing in them can be control."""

from __future__ import annotations

from replay.tui.model.rows import FixedRows, Role, Span, message, plain, visible


def test_what_is_visible_stays() -> None:
    assert visible("naïve 日本 → x") == "naïve 日本 → x"


def test_everything_else_is_escaped() -> None:
    assert visible("a\x1b[31m\tb\n\x7f\x9b\u202e") == r"a\x1b[31m\tb\n\x7f\x9b\u202e"


def test_a_message_is_a_row_a_line() -> None:
    rows = message("no\x1bframes\nyet", Role.BAD)
    assert [plain(rows.line(index)) for index in range(len(rows))] == [r"no\x1bframes", "yet"]
    assert rows.line(0)[0].role is Role.BAD


def test_fixed_rows_are_those_given() -> None:
    rows = FixedRows(((Span("a"), Span("b")),))
    assert len(rows) == 1
    assert plain(rows.line(0)) == "ab"
