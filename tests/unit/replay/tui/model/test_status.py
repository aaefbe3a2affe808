"""The status line in words."""

from __future__ import annotations

import pytest

from monitors.calls.lifecycle import MisuseKind
from replay.machine.ending import Halted, Misused
from replay.machine.position import Position
from replay.player.stops import Stop, Why
from replay.tui.model.rows import Role, plain
from replay.tui.model.status import (
    Standing,
    ending_text,
    fraction_of,
    journey_line,
    standing_line,
    time_text,
)

HERE = Position(42, 1017)
END = Position(9001)


def test_where_the_guest_stands() -> None:
    line = standing_line(
        Standing(HERE, END, 1_234_567, Stop(HERE, Why.BREAK), 12_345_678, "breakpoint 1, pay")
    )
    assert plain(line) == "event 42/9,001 +1,017 · step 1,234,567 · 12.346 ms · breakpoint 1, pay"


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Why.START, " · the start of the run"),
        (Why.INTERRUPTED, " · interrupted"),
        (Why.REACHED, ""),
        (Why.WATCH, " · watched memory"),
    ],
)
def test_why_it_stands_there(why: Why, words: str) -> None:
    line = standing_line(Standing(Position(0), END, 0, Stop(Position(0), why)))
    assert plain(line) == f"event 0/9,001 · step 0{words}"


@pytest.mark.parametrize("why", [Why.END, Why.REACHED])  # by running into it, or by going there
@pytest.mark.parametrize(("status", "role"), [(0, Role.GOOD), (1, Role.BAD)])
def test_at_the_end_it_says_how_the_guest_ended(status: int, role: Role, why: Why) -> None:
    line = standing_line(Standing(END, END, 5, Stop(END, why), ending=Halted(status)))
    assert plain(line).endswith(f"the guest exited with status {status}")
    assert line[-1].role is role


def test_it_has_not_ended_before() -> None:
    line = standing_line(Standing(HERE, END, 5, Stop(HERE, Why.REACHED), ending=Halted(1)))
    assert plain(line).endswith("step 5")


def test_a_reason_cannot_be_control() -> None:
    ending = Misused(MisuseKind.INVALID_POINTER, "at \x1b[2J")
    line = standing_line(Standing(END, END, 5, Stop(END, Why.END), ending=ending))
    assert "\\x1b[2J" in plain(line)
    assert ending_text(None) == ""


def test_a_journey_has_a_bar_where_its_length_is_known() -> None:
    assert (
        plain(journey_line("continue", 0, 0.5)) == "⠋ continue ████████░░░░░░░░  50 % Esc cancels"
    )
    assert plain(journey_line("continue", 11, None)) == "⠙ continue Esc cancels"
    assert "100 %" in plain(journey_line("x", 0, 1.0))


def test_how_far_a_journey_is() -> None:
    begun, end = Position(100), Position(200)
    assert fraction_of(begun, Position(150), end) == 0.5
    assert fraction_of(begun, Position(25), end) == 0.75
    assert fraction_of(end, end, end) is None


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.0 µs"),
        (1_500, "1.5 µs"),
        (12_345_678, "12.346 ms"),
        (1_500_000_000, "1.500 s"),
        (61_500_000_000, "1 min 01.5 s"),
        (3_723_000_000_000, "1 h 02 min 03.0 s"),
        (-1_500, "-1.5 µs"),
    ],
)
def test_times(ns: int, text: str) -> None:
    assert time_text(ns) == text


def test_what_was_the_end_is_none_where_the_recording_has_grown() -> None:
    stop = Stop(HERE, Why.END)
    assert plain(standing_line(Standing(HERE, HERE, 1, stop))).endswith("the end of the recording")
    assert plain(standing_line(Standing(HERE, END, 1, stop))).endswith("step 1")
