"""Rows of a growing text are those of the whole text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.player.console_log import ConsoleLog
from replay.tui.model.console_lines import ROW_BYTES, ConsoleLines, Extent

_PIECES = st.one_of(
    st.sampled_from([b"\n", b"line\n", b"x" * ROW_BYTES, b"x" * (ROW_BYTES - 1), "ä€𝄞".encode()]),
    st.binary(max_size=2 * ROW_BYTES),
)


def log_of(*pieces: bytes) -> ConsoleLog:
    log = ConsoleLog()
    for event, piece in enumerate(pieces):
        log.note(event, piece)
    return log


def rows_of(lines: ConsoleLines) -> list[Extent]:
    return [lines.extent(row) for row in range(len(lines))]


def lines_of(*pieces: bytes) -> ConsoleLines:
    lines = ConsoleLines(log_of(*pieces))
    while lines.update():
        pass
    return lines


@given(st.lists(_PIECES, max_size=300), st.integers(1, 5000))
def test_rows_do_not_depend_on_how_the_text_came(pieces: list[bytes], budget: int) -> None:
    log = ConsoleLog()
    growing = ConsoleLines(log)
    for event, piece in enumerate(pieces):
        log.note(event, piece)
        growing.update(budget)
        rows_of(growing)
    while growing.update(budget):
        pass
    whole = lines_of(*pieces)
    assert rows_of(growing) == rows_of(whole)
    text = b"".join(pieces)
    rows = rows_of(whole)
    assert b"".join(text[row.start : row.end] for row in rows) == text
    assert all(0 < row.end - row.start <= ROW_BYTES for row in rows)
    assert all(b"\n" not in text[row.start : row.end - 1] for row in rows)
    for number, row in enumerate(rows):
        assert whole.row_at(row.start) == whole.row_at(row.end - 1) == number
    assert whole.row_at(len(text)) == len(rows)


def test_a_very_long_line_is_not_cut_within_a_character() -> None:
    text = ("x" * (ROW_BYTES - 2) + "€" * 3).encode()
    lines = lines_of(text)
    assert [text[row.start : row.end].decode() for row in rows_of(lines)] == [
        "x" * (ROW_BYTES - 2),
        "€" * 3,
    ]
    assert rows_of(lines_of(b"\x80" * 2 * ROW_BYTES))[0] == Extent(0, ROW_BYTES)


def test_it_says_whether_there_is_more() -> None:
    lines = ConsoleLines(log_of(b"one\ntwo\n"))
    assert (lines.update(3), len(lines), lines.known) == (True, 1, 3)
    assert lines.extent(0) == Extent(0, 3)
    assert (lines.update(5), len(lines)) == (False, 2)
    assert lines.extent(1) == Extent(4, 8)


def test_many_lines_take_little_memory() -> None:
    lines = lines_of(b"x\n" * 100_000)
    assert len(lines) == 100_000
    assert lines.extent(77_777) == Extent(155_554, 155_556)
    assert len(lines._starts) < 2000
