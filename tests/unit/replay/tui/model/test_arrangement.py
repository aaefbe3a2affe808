"""Which places are seen at which size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.tui.model.arrangement import (
    BOTTOM,
    CENTRE,
    LEFT,
    PLACES,
    RIGHT,
    RIGHT_BELOW,
    Wishes,
    arrange,
)

WISHES = Wishes()


@pytest.mark.parametrize(
    ("size", "used", "shown"),
    [
        ((200, 60), CENTRE, {LEFT, CENTRE, RIGHT, RIGHT_BELOW, BOTTOM}),
        ((150, 24), CENTRE, {LEFT, CENTRE, RIGHT, BOTTOM}),
        ((150, 24), RIGHT_BELOW, {LEFT, CENTRE, RIGHT_BELOW, BOTTOM}),
        ((120, 40), CENTRE, {CENTRE, RIGHT, RIGHT_BELOW, BOTTOM}),
        ((120, 40), LEFT, {LEFT, CENTRE, BOTTOM}),
        ((80, 24), CENTRE, {CENTRE, BOTTOM}),
        ((80, 24), LEFT, {LEFT, BOTTOM}),
        ((80, 24), RIGHT, {RIGHT, BOTTOM}),
        ((80, 24), BOTTOM, {CENTRE, BOTTOM}),
        ((80, 12), BOTTOM, {BOTTOM}),
        ((10, 3), RIGHT_BELOW, {RIGHT_BELOW}),
    ],
)
def test_what_there_is_room_for(size: tuple[int, int], used: str, shown: set[str]) -> None:
    assert arrange(*size, used, WISHES).shown == shown


def test_the_place_in_use_alone() -> None:
    arrangement = arrange(200, 60, BOTTOM, WISHES.toggled_zoom())
    assert arrangement.shown == {BOTTOM}
    assert arrange(200, 60, BOTTOM, WISHES.toggled_zoom().toggled_zoom()).shown == set(PLACES)


def test_hidden_places_come_back() -> None:
    hidden = WISHES.without(LEFT).without(BOTTOM)
    assert arrange(200, 60, CENTRE, hidden).shown == {CENTRE, RIGHT, RIGHT_BELOW}
    assert arrange(200, 60, LEFT, hidden).shown == {LEFT, CENTRE, RIGHT, RIGHT_BELOW}
    assert hidden.with_all().hidden == frozenset()


def test_the_last_place_cannot_be_hidden() -> None:
    wishes = WISHES
    for place in PLACES:
        wishes = wishes.without(place)
    assert len(wishes.hidden) == len(PLACES) - 1


def test_sizes_are_bounded() -> None:
    assert WISHES.resized(LEFT, 100).shares[LEFT] == 80
    assert WISHES.resized(LEFT, -100).shares[LEFT] == 20


@given(
    st.integers(0, 500),
    st.integers(0, 200),
    st.sampled_from(PLACES),
    st.sets(st.sampled_from(PLACES)),
    st.booleans(),
)
def test_the_place_in_use_is_always_seen(
    width: int, height: int, used: str, hidden: set[str], zoomed: bool
) -> None:
    wishes = WISHES
    for place in sorted(hidden):
        wishes = wishes.without(place)
    if zoomed:
        wishes = wishes.toggled_zoom()
    arrangement = arrange(width, height, used, wishes)
    assert used in arrangement.shown
    assert sum(arrangement.widths.values()) <= 100
