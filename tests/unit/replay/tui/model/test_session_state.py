"""What is remembered, and what is made of a file that somebody else has written."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.machine.position import Position
from replay.tui.model.arrangement import BOTTOM, LEFT, Wishes
from replay.tui.model.session_state import (
    BadSession,
    SessionState,
    session_from_text,
    session_to_text,
)

STATE = SessionState(
    Position(42, 7),
    {"breaks": ["pay"]},
    "events",
    "nord",
    Wishes().resized(BOTTOM, 2).without(LEFT),
)


def test_a_session_comes_back() -> None:
    again = session_from_text(session_to_text(STATE))
    assert again == STATE


def test_sizes_are_bounded_when_they_come_back() -> None:
    content = json.loads(session_to_text(STATE))
    content["shares"] = {"bottom": 10_000, "nowhere": 5}
    assert session_from_text(json.dumps(content)).wishes.shares[BOTTOM] == 80


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"version": 99}', "[" * 100_000, '{"version": 1, "position": "x"}'],
)
def test_what_is_no_session(text: str) -> None:
    with pytest.raises(BadSession):
        session_from_text(text)


@given(
    st.dictionaries(
        st.sampled_from(["version", "position", "points", "pane", "theme", "shares", "hidden"]),
        st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()), st.just(1)),
    )
)
def test_whatever_is_in_the_file(content: dict[str, object]) -> None:
    with contextlib.suppress(BadSession):
        assert session_from_text(json.dumps(content)).position >= Position(0)
