"""Figures of measurements: goals, medians, and how numbers are shown."""

from __future__ import annotations

import pytest

from bench.figures import Figure, Samples, amount


@pytest.mark.parametrize(
    ("value", "goal", "missed"), [(1.1, 1.1, False), (1.11, 1.1, True), (9.0, None, False)]
)
def test_a_goal_is_missed_only_beyond_it(value: float, goal: float | None, missed: bool) -> None:
    figure = Figure("recording / un-recorded", value, "x", goal)
    assert figure.missed is missed
    assert ("MISSED" in figure.row()[2]) is missed


def test_a_row_holds_name_value_goal_and_remark() -> None:
    row = Figure("added", 1.25, "us", 3.0, "wall clock").row()
    assert row == ("added", "1.250 us", "<= 3", "wall clock")


def test_samples_are_told_by_their_median_and_extremes() -> None:
    samples = Samples()
    for value in (3.0, 1.0, 100.0):
        samples.add("recording", value)
    assert samples.median("recording") == 3.0
    assert samples.spread("recording") == "recording 3.000 (1.000 .. 100.0, 3 times)"


def test_ratios_and_differences_are_those_of_neighbours_in_time() -> None:
    samples = Samples()
    for base, value in ((1.0, 2.0), (10.0, 15.0), (2.0, 8.0)):
        samples.add("un-recorded", base)
        samples.add("recording", value)
    assert samples.ratio("recording", "un-recorded") == 2.0
    assert samples.added("recording", "un-recorded") == 5.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (12.345, "12.35"),
        (123.45, "123.5"),
        (12345.6, "12346"),
        (-2.0, "-2.000"),
    ],
)
def test_amounts_have_the_digits_that_are_worth_reading(value: float, text: str) -> None:
    assert amount(value) == text
