"""A few tries of kill9.py, one in each mode and one more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stress.kill9 import MODES, tries


@pytest.mark.slow
def test_a_killed_recorder_loses_at_most_the_tail(tmp_path: Path) -> None:
    outcomes = tries(len(MODES) + 1, 9, tmp_path)
    assert [outcome.state for _, outcome in outcomes].count("incomplete") >= 2
    assert sum(outcome.events for _, outcome in outcomes) > 100
