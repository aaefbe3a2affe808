from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.stopping import Interruptible, Stopper
from replay.cli.trace import main
from tests.unit.replay.made_traces import MakeTrace
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = CORPUS / "hello-1.0.mp"


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def test_source_lines(
    tmp_path: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorder.record("hello")
    assert run("lcov", recording.path, "-o", tmp_path / "x") == 0
    lines = (tmp_path / "x").read_text().splitlines()
    executed = sum(not line.endswith(",0") for line in lines if line.startswith("DA:"))
    assert f"solo5-trace: {executed} of " in capsys.readouterr().err


def test_a_guest_without_source_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lcov", CORPUS / "devices-1.0.mp", "-o", tmp_path / "x") == 125
    assert "has no source lines" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_trace(CORPUS / "trap-1.0.mp") as trace:
        (tmp_path / "other").write_bytes(trace.guest() or b"")
    words = ("drcov", HELLO, "--guest", tmp_path / "other", "-o", tmp_path / "x")
    assert run(*words) == ReplayStatus.DIVERGED
    assert "says more" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_guest_that_is_none(
    tmp_path: Path, make_trace: MakeTrace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("lcov", make_trace(), "-o", tmp_path / "x") != 0
    assert capsys.readouterr().err.startswith("solo5-trace: ")
    assert not (tmp_path / "x").exists()


def test_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Watching(Stopper):
        def watching(self, machine: Interruptible) -> AbstractContextManager[None]:
            self.signal_number = 2
            machine._replay.begin = machine.interrupt  # type: ignore[attr-defined]
            return super().watching(machine)

    monkeypatch.setattr("replay.cli.export_coverage.Stopper", Watching)
    assert run("lcov", HELLO, "-o", tmp_path / "x") == ReplayStatus.INTERRUPTED
    assert "terminated by signal 2, at position" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
