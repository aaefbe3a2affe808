"""Runs in processes of their own, with the real engine and a real guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.guests import build_program
from bench.phases import PLAIN, RECORD, REPLAY, interleaved, measure_phase
from bench.sizes import event_sizes


@pytest.mark.slow
def test_a_guest_is_run_recorded_and_replayed_in_turn(tmp_path: Path) -> None:
    guest, trace = build_program("clocks", tmp_path), tmp_path / "clocks.mp"
    samples, events = interleaved(guest, "wall 1000", trace, 1)
    assert set(samples.values) == {PLAIN, RECORD, REPLAY}
    assert all(samples.median(name) > 0 for name in samples.values)
    assert events > 1000
    sizes = event_sizes(trace)
    assert 1000 < sizes.stored_bytes < trace.stat().st_size
    assert 3000 < sizes.raw_bytes < 12 * events


@pytest.mark.slow
def test_unicorn_alone_runs_a_guest_to_its_halt(tmp_path: Path) -> None:
    guest = build_program("hello", tmp_path)
    assert measure_phase("blocks", guest, "", tmp_path / "unused.mp").events > 50


@pytest.mark.slow
def test_a_guest_that_fails_gives_no_figure(tmp_path: Path) -> None:
    guest = build_program("clocks", tmp_path)
    with pytest.raises(RuntimeError, match="status=2"):
        measure_phase("plain", guest, "nonsense", tmp_path / "unused.mp")
