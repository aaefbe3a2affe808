from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.machine.position import Position, parse_position

COUNTS = st.integers(0, 10**19 - 1)
POSITIONS = st.builds(Position, COUNTS, COUNTS)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", Position(0)),
        ("42", Position(42)),
        ("42+1017", Position(42, 1017)),
        ("42+0", Position(42)),
        ("007+010", Position(7, 10)),
        ("  42+1\n", Position(42, 1)),
        ("9" * 19 + "+" + "9" * 19, Position(10**19 - 1, 10**19 - 1)),
    ],
)
def test_what_a_position_looks_like(text: str, position: Position) -> None:
    assert parse_position(text) == position


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "+", "1+", "+1", "-1", "1-2", "1+-1", "1 + 2", "1++2", "1+2+3", "1,2"),
        *("0x10", "1.5", "1e3", "1_000", "end", "42\n43", "42\0", "9" * 20, "1+" + "9" * 20),
    ],
)
def test_everything_else_is_refused_with_the_expected_form(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_position(text)
    assert str(caught.value) == (
        f"not a position: {text!r} (write EVENT or EVENT+INSTRUCTIONS, as 42+1017)"
    )


def test_instructions_are_written_only_when_there_are_some() -> None:
    assert str(Position(42)) == "42"
    assert str(Position(42, 1017)) == "42+1017"
    assert str(Position(0, 1)) == "0+1"


def test_crossings_count_before_instructions() -> None:
    ordered = [Position(0), Position(0, 1), Position(0, 10**9), Position(1), Position(2, 5)]
    assert sorted([ordered[n] for n in (3, 0, 4, 2, 1)]) == ordered
    assert max(ordered) == Position(2, 5)


@given(POSITIONS)
def test_what_is_written_is_read_back(position: Position) -> None:
    assert parse_position(str(position)) == position


@given(POSITIONS, POSITIONS)
def test_order_is_that_of_event_and_then_instructions(one: Position, other: Position) -> None:
    pairs = (one.event, one.instructions), (other.event, other.instructions)
    assert (one < other) is (pairs[0] < pairs[1])
    assert (one == other) is (pairs[0] == pairs[1])


@given(st.text(st.sampled_from("0123456789+- \nx"), max_size=12))
def test_any_text_is_a_position_or_a_typed_refusal(text: str) -> None:
    form = text.strip()
    event, plus, instructions = form.partition("+")
    if event.isdigit() and instructions.isdigit() is bool(plus):
        assert parse_position(text) == Position(int(event), int(instructions or 0))
    else:
        with pytest.raises(ValueError, match=r"write EVENT or EVENT[+]INSTRUCTIONS"):
            parse_position(text)
