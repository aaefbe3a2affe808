"""The figures of a long trace on the screen: all of them, with a short one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import tui


@pytest.mark.slow
def test_a_short_trace_gives_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tui, "_QUICK_EVENTS", 2_000)
    answer = tui.answer(tmp_path, quick=True)
    assert "2,000 events" in answer.note
    values = {figure.name: figure.value for figure in answer.figures}
    assert all(value > 0 for value in values.values()), values
    assert {"columns", "filter by text", "60 rows anywhere"} <= set(values)
