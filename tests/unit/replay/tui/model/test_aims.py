from __future__ import annotations

import pytest

from replay.engines.ports import Access
from replay.player.expressions import BadExpression, Unreadable
from replay.player.locations import BadLocation
from replay.player.stops import Direction, Why
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.aims import (
    BadFormat,
    aims_of,
    check_condition,
    checked_display,
    new_break,
    new_watch,
)
from replay.tui.model.points import BreakPoint, Points, WatchPoint
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, Named, standing_at

ON, BACK = Direction.FORWARD, Direction.BACKWARD
STACK = 0x300000
GUEST = Guest({STACK: (0x1234).to_bytes(8, "little")}, rsp=STACK, rip=0x100004)
NAMES = Named([Symbol(0x100000, "pay", 16)], [Symbol(0x200000, "total", 4)])


def test_breakpoints_from_text() -> None:
    made = new_break("pay if $rdi > 7", NAMES, GUEST)(3)
    assert made == BreakPoint(3, "pay", (0x100000,), "$rdi > 7")
    assert new_break("*0x100008", NAMES, GUEST, temporary=True)(1) == BreakPoint(
        1, "*0x100008", (0x100008,), is_temporary=True
    )


def test_watches_from_text() -> None:
    assert new_watch("total", NAMES, GUEST)(2) == WatchPoint(2, "total", 0x200000, 4)
    made = new_watch("u16[$rsp + 2] if total", NAMES, GUEST, Access.READ)(1)
    assert made == WatchPoint(1, "u16[$rsp + 2]", STACK + 2, 2, Access.READ, "total")


@pytest.mark.parametrize("text", ["nowhere", "", "*x", "7"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(BadLocation):
        new_break(text, NAMES, GUEST)


def test_texts_that_mean_nothing() -> None:
    for wrong in ("pay if", "pay if (", "pay if nobody"):
        with pytest.raises((BadExpression, BadLocation)):
            new_break(wrong, NAMES, GUEST)
    with pytest.raises(BadExpression):
        new_watch("$rax", NAMES, GUEST)
    with pytest.raises(Unreadable):
        new_watch("u8[u64[0]]", NAMES, GUEST)
    with pytest.raises(BadExpression):
        check_condition("nobody", NAMES)
    assert check_condition(" total ", NAMES) == "total"
    assert check_condition(" ", NAMES) == ""


def test_displays_from_text() -> None:
    assert checked_display("$rax + 1", NAMES) == ("$rax + 1", "")
    assert checked_display("/x total", NAMES) == ("total", "x")
    for wrong in ("/q total", "/xx total", "/", "/ total"):
        with pytest.raises(BadFormat, match="x, d, u, c, s, a"):
            checked_display(wrong, NAMES)
    with pytest.raises(BadExpression):
        checked_display("/x", NAMES)


def test_points_with_a_condition_that_means_nothing_any_more_do_not_stop() -> None:
    points = [BreakPoint(1, "pay", (0x100000,), "gone > 1"), BreakPoint(2, "pay", (0x100000,))]
    aims = aims_of(points, NAMES)
    assert "gone" in aims.problems[1]
    assert list(aims.numbers.values()) == [(2,)]


def test_points_that_are_off_do_not_stop() -> None:
    aims = aims_of([BreakPoint(1, "pay", (0x100000,), is_enabled=False)], NAMES)
    assert aims.wanted.breaks == ()
    assert aims.numbers == {}


def test_several_points_at_one_address() -> None:
    points = [
        BreakPoint(1, "pay", (0x100000,), "$rdi == 1"),
        BreakPoint(2, "pay", (0x100000,), "$rdi > 0"),
    ]
    (wanted,) = aims_of(points, NAMES).wanted.breaks
    assert wanted.condition is not None
    assert [wanted.condition(Guest({}, rdi=value)) for value in (0, 1, 2)] == [False, True, True]


def test_a_real_guest_stops_and_says_at_what(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        points = (
            Points()
            .with_point(new_break("printf", symbols, timeline))
            .with_point(new_break("printf if $rsp == 0", symbols, timeline))
            .with_point(new_watch("free_pages", symbols, timeline))
        )
        aims = aims_of(points.points, symbols)
        stops = [timeline.run(ON, aims.wanted)]
        hits = [aims.numbers_of(stops[0], timeline)]
        while stops[-1].why in (Why.BREAK, Why.WATCH) and len(stops) < 20:
            stops.append(timeline.run(ON, aims.wanted))
            hits.append(aims.numbers_of(stops[-1], timeline))
        assert {(3,), (1,)} <= set(hits)
        assert (1, 2) not in hits
        back = timeline.run(BACK, aims.wanted)
        assert aims.numbers_of(back, timeline) in ((1,), (3,))
        assert aims.numbers_of(timeline.step(1), timeline) == ()


def test_a_line_alone_is_kept_with_its_file(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        line = symbols.place(timeline.registers()["rip"]).line
        made = new_break(f"{line}", symbols, timeline)(1)
        assert isinstance(made, BreakPoint)
        assert made.place == f"programs/flaky/main.c:{line}"
