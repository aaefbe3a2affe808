"""The console as of a moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.machine.position import Position
from replay.player.console_log import ConsoleLog
from replay.tui.model.console import (
    ConsoleLook,
    ConsoleRows,
    ConsoleState,
    find_row,
    line_after,
    line_before,
)
from replay.tui.model.console_lines import ConsoleLines
from replay.tui.model.rows import Role, Span, ToEvent, ToPosition, plain

HIDING = ConsoleLook(hides_later=True)
BARE = ConsoleLook(numbers=False)


def lines_of(*printed: tuple[int, bytes]) -> ConsoleLines:
    log = ConsoleLog()
    for event, data in printed:
        log.note(event, data)
    lines = ConsoleLines(log)
    lines.update()
    return lines


RUN = ((3, b"one\ntw"), (5, b"o\n"), (9, b"three\n"))


def texts(rows: ConsoleRows) -> list[str]:
    return [plain(rows.line(index)) for index in range(len(rows))]


def test_what_comes_later_is_dim_behind_a_marker() -> None:
    rows = ConsoleRows(lines_of(*RUN), Position(5, 7))
    assert texts(rows) == [
        "       3 one",
        "       3 two",
        "── here: event 5 ──",
        "       9 three",
    ]
    assert rows.here_row == 2
    assert rows.line(1)[1:] == (
        Span("tw", Role.TEXT, ToPosition(Position(6))),
        Span("o", Role.DIM, ToPosition(Position(6))),
    )
    assert rows.line(3)[1].role is Role.DIM
    assert rows.line(2)[0].target == ToPosition(Position(5, 7))


def test_or_hidden() -> None:
    rows = ConsoleRows(lines_of(*RUN), Position(5), HIDING)
    assert texts(rows) == [
        "       3 one",
        "       3 tw",
        "── here: event 5, 8 bytes come later ──",
    ]


@pytest.mark.parametrize(("event", "here"), [(0, 0), (3, 0), (4, 2), (6, 2), (10, 3), (99, 3)])
def test_the_marker_is_behind_what_was_printed(event: int, here: int) -> None:
    rows = ConsoleRows(lines_of(*RUN), Position(event))
    assert rows.here_row == here
    assert len(rows) == 4
    rows = ConsoleRows(lines_of(*RUN), Position(event), HIDING)
    assert rows.here_row == here == len(rows) - 1


def test_a_number_leads_before_and_the_text_behind_the_print() -> None:
    number, text = ConsoleRows(lines_of(*RUN), Position(99)).line(1)
    assert number.target == ToEvent(3)
    assert text.target == ToPosition(Position(6))


def test_rows_without_numbers() -> None:
    assert texts(ConsoleRows(lines_of(*RUN), Position(99), BARE))[0] == "one"


def test_a_long_line_goes_on_without_a_number() -> None:
    rows = ConsoleRows(lines_of((3, b"x" * 500 + b"\n")), Position(99))
    assert plain(rows.line(1)).startswith("       … xxx")


def test_what_a_terminal_would_obey_is_text() -> None:
    data = b"\x1b[31mred\x1b[0m \x1b]0;title\x07 a\tb \xff\x08\rc [bold]x[/]\r\n"
    line = ConsoleRows(lines_of((1, data)), Position(9), BARE).line(0)
    shown = "\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07 a  b \\xff\\x08\\rc [bold]x[/]"
    assert plain(line).replace(" ", "") == shown.replace(" ", "")
    assert line[0] == Span("\\x1b[31m", Role.DIM, ToPosition(Position(2)))
    assert line[1] == Span("red", Role.TEXT, ToPosition(Position(2)))


@given(st.lists(st.binary(max_size=900), max_size=20), st.integers(0, 25), st.booleans())
def test_no_row_has_control_characters(data: list[bytes], event: int, hides: bool) -> None:
    lines = lines_of(*enumerate(data))
    rows = ConsoleRows(lines, Position(event), ConsoleLook(hides, wanted="a"))
    for text in texts(rows):
        assert text.isprintable()


def test_how_much_is_known_is_said_last() -> None:
    def last(state: ConsoleState) -> Span:
        rows = ConsoleRows(lines_of(*RUN), Position(4), state=state)
        return rows.line(len(rows) - 1)[0]

    assert last(ConsoleState(0.379)) == Span("… 37 % read", Role.DIM)
    assert "1,234 bytes more" in last(ConsoleState(left_out=1234)).text
    assert "three" not in last(ConsoleState(0.5)).text


def test_nothing_printed() -> None:
    rows = ConsoleRows(lines_of(), Position(0), state=ConsoleState(0.0))
    assert texts(rows) == ["── here: event 0 ──", "… 0 % read"]


def test_rows_and_indices_are_each_others() -> None:
    rows = ConsoleRows(lines_of(*RUN), Position(6), state=ConsoleState(0.5))
    assert [rows.row_of(index) for index in range(len(rows))] == [0, 1, None, 2, None]
    assert [rows.index_of(row) for row in range(3)] == [0, 1, 3]
    hidden = ConsoleRows(lines_of(*RUN), Position(6), HIDING)
    assert hidden.index_of(2) == 1


def test_next_and_previous_lines() -> None:
    lines = lines_of(*RUN)
    places, here = [], Position(0)
    while (after := line_after(lines, here)) is not None:
        places.append(after)
        here = after
    assert places == [Position(4), Position(6), Position(10)]
    back = []
    while (before := line_before(lines, here)) is not None:
        back.append(before)
        here = before
    assert back == [Position(6), Position(4)]
    assert line_before(lines, Position(10, 1)) == Position(10)
    assert line_before(lines, Position(0)) is None


def test_searching_in_both_directions() -> None:
    lines = lines_of((1, b"a cat\na dog\n"), (2, b"another cat\n"), (3, b"cat"))
    assert find_row(lines, "cat", -1) == 0
    assert find_row(lines, "cat", 0) == 2
    assert find_row(lines, "cat", 2) == 3
    assert find_row(lines, "cat", 3) is None
    assert find_row(lines, "cat", 3, backward=True) == 2
    assert find_row(lines, "cat", 2, backward=True) == 0
    assert find_row(lines, "cat", 0, backward=True) is None
    assert find_row(lines, "cat", 99, backward=True) == 3
    assert find_row(lines, "", -1) is None
    assert find_row(lines, "horse", -1) is None


def test_what_was_searched_for_is_marked() -> None:
    look = ConsoleLook(wanted="cat", numbers=False)
    line = ConsoleRows(lines_of((1, b"a cat, cat\n")), Position(9), look).line(0)
    assert [(span.text, span.role) for span in line] == [
        ("a ", Role.TEXT),
        ("cat", Role.MATCH),
        (", ", Role.TEXT),
        ("cat", Role.MATCH),
    ]
