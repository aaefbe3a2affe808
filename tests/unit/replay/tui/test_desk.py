"""What handlers are told of how often."""

from __future__ import annotations

import pytest

from replay.tui.desk import Busy, Refusal, count_of


@pytest.mark.parametrize(("text", "count"), [("", 1), ("1", 1), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_how_many_times(text: str, count: int) -> None:
    assert count_of(text) == count


@pytest.mark.parametrize("text", ["0", "-1", "+1", "1.5", "x", " 1", "²", "9" * 19, "9" * 10_000])
def test_what_is_no_number_of_times(text: str) -> None:
    with pytest.raises(Refusal, match="is not a number of times") as caught:
        count_of(text)
    assert len(str(caught.value)) < 100


def test_being_busy_is_a_refusal() -> None:
    assert issubclass(Busy, Refusal)
