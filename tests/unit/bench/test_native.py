"""The arithmetic of the native engine's figures, with made-up measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import native
from bench.child import Spent
from bench.figures import Samples
from bench.phases import PLAIN, RECORD, REPLAY
from bench.run_phase import Phase

_START_UP_S = 0.5
_CALL_US = {"record": 0.1, "replay": 0.2}


class _Host:
    """Every run takes its start-up and so much a call."""

    def __init__(self) -> None:
        self.environments: set[str] = set()

    def build(self, name: str, directory: Path, target: str = "hvt") -> Path:
        return directory / f"{name}.{target}"

    def phase(
        self, mode: str, _guest: Path, arguments: str, _trace: Path, *, engine: str, **given: object
    ) -> Phase:
        assert engine == "native"
        self.environments.add(str(given.get("environment") or {}))
        calls = int(arguments.split()[1])
        return Phase(_START_UP_S + calls * _CALL_US[mode] / 1e6, 0.0, calls + 17)

    def interleaved(self, *_: object, engine: str) -> tuple[Samples, int]:
        assert engine == "native"
        return Samples({PLAIN: [1.0, 2.0], RECORD: [1.01, 2.02], REPLAY: [1.1, 2.2]}), 18

    def measure(self, command: Sequence[str], *, directory: Path) -> Spent:
        assert "native" in command
        return Spent(0.9, 0.25, 0.1, b"", "")


@pytest.fixture(name="figures")
def _figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    host = _Host()
    monkeypatch.setattr(native, "build_program", host.build)
    monkeypatch.setattr(native, "measure_phase", host.phase)
    monkeypatch.setattr(native, "interleaved", host.interleaved)
    monkeypatch.setattr(native, "measure", host.measure)
    answer = native.answer(tmp_path, quick=True)
    assert "{'SOLO5_REPLAY_PURE_PYTHON': '1'}" in host.environments
    assert "{}" in host.environments
    return {figure.name: figure.value for figure in answer.figures}


def _values(figures: dict[str, float], word: str) -> list[float]:
    return [value for name, value in figures.items() if word in name]


def test_a_ratio_is_of_runs_in_turn(figures: dict[str, float]) -> None:
    assert _values(figures, "compute") == pytest.approx([1.01, 1.1])


def test_start_up_is_no_part_of_a_call(figures: dict[str, float]) -> None:
    assert _values(figures, "recording, a call") == pytest.approx([0.1] * 4)
    assert _values(figures, "replay, a call") == pytest.approx([0.2] * 4)


def test_a_short_run_is_told_with_and_without_its_start_up(figures: dict[str, float]) -> None:
    assert _values(figures, "beyond a run") == pytest.approx([0.1])
    assert _values(figures, "all of the run") == pytest.approx([5.1])


def test_a_whole_program_is_told_in_processor_time(figures: dict[str, float]) -> None:
    assert _values(figures, "whole process") == [0.25, 0.25]
