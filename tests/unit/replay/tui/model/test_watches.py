from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.ports import Access
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.aims import aims_of, new_break
from replay.tui.model.points import FORMATS, BreakPoint, Display, Points, WatchPoint
from replay.tui.model.rows import Role, ToCode, ToMemory
from replay.tui.model.watches import formatted, look_at_points, point_rows
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, Named, standing_at, texts

DATA = 0x200000
NAMES = Named([Symbol(0x100000, "pay", 16)], [Symbol(DATA, "total", 4), Symbol(DATA + 8, "s", 32)])


def guest(total: int = 7, **registers: int) -> Guest:
    data = total.to_bytes(8, "little") + b"some text\0"
    return Guest({DATA: data.ljust(64, b"\0")}, **registers)


POINTS = (
    Points()
    .with_point(lambda n: BreakPoint(n, "pay", (0x100000, 0x100008), "$rdi > 1", hits=2))
    .with_point(lambda n: WatchPoint(n, "total", DATA, 4))
    .with_point(lambda n: WatchPoint(n, "s", DATA + 8, 32, Access.READ, is_enabled=False))
    .with_display("total * 2")
    .with_display("$rdi", "x")
    .with_display("u8[0]")
)


def test_rows_with_values() -> None:
    rows = point_rows(POINTS, look_at_points(guest(rdi=16, rip=0x100008), NAMES, POINTS))
    assert texts(rows) == [
        "  1: total * 2 = 14  0xe",
        "  2: /x $rdi = 0x10",
        "  3: u8[0] = no memory can be read at 0x0",
        "  1 ●▶break pay if $rdi > 1  0x100000 and 1 more  2 hits",
        "  2 ● watch total = 7",
        "  3 ○ rwatch s = 73 6f 6d 65 20 74 65 78 74 00 00 00 00 00 00 00 ...",
    ]
    assert rows.of(0) == Display(1, "total * 2")
    assert rows.of(4) == POINTS.point(2)
    targets = {span.target for index in range(len(rows)) for span in rows.line(index)}
    assert {ToCode(0x100000), ToMemory(DATA, 4)} <= targets


def test_changes_are_marked() -> None:
    before = look_at_points(guest(7), NAMES, POINTS)
    rows = point_rows(POINTS, look_at_points(guest(300), NAMES, POINTS), before)
    assert texts(rows)[0] == "  1: total * 2 =*600  0x258"
    assert texts(rows)[4] == "  2 ● watch total =*300  0x12c  was 7"
    assert Role.CHANGED in {span.role for span in rows.line(4)}
    assert Role.CHANGED not in {span.role for span in rows.line(1)}


def test_problems_are_told() -> None:
    points = Points().with_point(lambda n: BreakPoint(n, "pay", (0x100000,), "gone"))
    aims = aims_of(points.points, NAMES)
    rows = point_rows(points, look_at_points(guest(), NAMES, points), problems=aims.problems)
    assert "there is no variable 'gone'" in texts(rows)[0]


def test_memory_that_cannot_be_read() -> None:
    points = Points().with_point(lambda n: WatchPoint(n, "u64[0]", 0, 8))
    seen = look_at_points(guest(), NAMES, points)
    assert texts(point_rows(points, seen))[0].endswith("no memory can be read there")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (5, "", "5"),
        (255, "", "255  0xff"),
        (-3, "", "-3"),
        ((1 << 64) - 300, "", "-300  0xfffffffffffffed4"),
        (-1, "u", "18446744073709551615"),
        ((1 << 64) - 2, "d", "-2"),
        (-1, "x", "0xffffffffffffffff"),
        (65, "c", "65 'A'"),
        (0x1B, "c", "27 '\\x1b'"),
        (0x100004, "a", "0x100004 <pay+0x4>"),
        (3, "a", "0x3"),
        (DATA + 8, "s", '0x200008 "some text"'),
        (3, "s", "0x3, which is no text"),
        (1 << 5000, "", "0"),
    ],
)
def test_formats(value: int, form: str, text: str) -> None:
    assert formatted(value, form, guest(), NAMES) == text


def test_a_real_guest(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        points = Points().with_point(new_break("solo5_app_main", symbols, timeline))
        rows = point_rows(points, look_at_points(timeline, symbols, points))
        assert texts(rows)[0].startswith("  1 ●▶break solo5_app_main  main.c:")


@given(
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from(["", *FORMATS]),
    st.text(max_size=20),
    st.binary(max_size=32),
)
def test_any_values_and_texts_are_rows(value: int, form: str, text: str, data: bytes) -> None:
    assert formatted(value, form, Guest({DATA: data}), NAMES).isprintable()
    points = (
        Points()
        .with_point(lambda n: BreakPoint(n, text, (), text))
        .with_point(lambda n: WatchPoint(n, text, value % (1 << 64), 9))
        .with_display(text, form)
    )
    seen = look_at_points(Guest({DATA: data}), NAMES, points)
    assert len(texts(point_rows(points, seen, seen))) == 3
