"""Figures of measurements: goals, medians, and how numbers are shown."""

from __future__ import annotations

import pytest

from bench.figures import COLUMNS, Figure, Samples, amount, median_interval


@pytest.mark.parametrize(
    ("value", "goal", "is_least", "met"),
    [
        (1.1, 1.1, False, "yes"),
        (1.11, 1.1, False, "MISSED"),
        (9.0, None, False, ""),
        (0.95, 0.95, True, "yes"),
        (0.94, 0.95, True, "MISSED"),
        (0.0, None, True, ""),
    ],
)
def test_a_goal_is_missed_only_beyond_it(
    value: float, goal: float | None, is_least: bool, met: str
) -> None:
    figure = Figure("recording / un-recorded", value, "x", goal, is_least=is_least)
    assert figure.missed is (met == "MISSED")
    assert dict(zip(COLUMNS, figure.row(), strict=True))["met"] == met


def test_a_row_holds_name_goal_value_and_remark() -> None:
    row = Figure("added", 1.25, "us", 3.0, "wall clock").row()
    assert row == ("added", "<= 3 us", "1.250 us", "yes", "wall clock")
    row = Figure("throughput", 0.5, "x", 0.95, is_least=True).row()
    assert row == ("throughput", ">= 0.95 x", "0.500 x", "MISSED", "")
    assert Figure("baseline", 2.0).row() == ("baseline", "", "2.000", "", "")


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


def test_a_ratio_comes_with_how_sure_it_is() -> None:
    samples = Samples()
    for tenths in range(1, 7):
        samples.add("un-recorded", 10.0)
        samples.add("recording", float(tenths))
    spread = samples.ratio_spread("recording", "un-recorded")
    assert spread == "0.100 .. 0.600 with 95 % confidence, 6 pairs"


@pytest.mark.parametrize(
    ("count", "left_out"),
    [(1, 0), (2, 0), (5, 0), (6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (20, 5), (100, 39)],
)
def test_an_interval_leaves_out_what_the_sign_test_allows(count: int, left_out: int) -> None:
    values = [float(value) for value in reversed(range(count))]
    assert median_interval(values) == (left_out, count - 1 - left_out)


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
