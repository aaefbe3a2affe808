from __future__ import annotations

import pytest

from traces.errors import Corrupt
from traces.limits import TEXT_BYTES_MAX
from traces.summary import Outcome, Summary, summary_from_map, summary_to_map


@pytest.mark.parametrize("outcome", Outcome)
def test_round_trip(outcome: Outcome) -> None:
    summary = Summary(outcome, -5, 10, 20, 30, "why")
    assert summary_from_map(summary_to_map(summary)) == summary


def test_nobody_counted_instructions() -> None:
    summary = Summary(Outcome.HALTED)
    assert summary_from_map(summary_to_map(summary)).instructions is None


def test_long_details_are_cut_when_written() -> None:
    written = summary_to_map(Summary(Outcome.HALTED, detail="x" * (TEXT_BYTES_MAX + 1)))
    assert len(summary_from_map(written).detail) == TEXT_BYTES_MAX


@pytest.mark.parametrize(
    "change", [{"outcome": 0}, {"outcome": 7}, {"status": 2**31}, {"events": -1}, {"detail": b""}]
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    values = summary_to_map(Summary(Outcome.HALTED)) | change
    with pytest.raises(Corrupt, match="summary"):
        summary_from_map(values)


def test_outcomes_are_part_of_the_format() -> None:
    assert [(o.name, o.value) for o in Outcome] == [
        ("HALTED", 1),
        ("MISUSE", 2),
        ("INTERRUPTED", 3),
        ("HOST_FAILURE", 4),
        ("REFUSED", 5),
        ("SALVAGED", 6),
    ]
