from __future__ import annotations

import stat
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.cli import replay
from replay.cli.exit_codes import ReplayStatus
from replay.cli.stopping import Interruptible, Stopper
from replay.cli.trace import main
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = CORPUS / "hello-1.0.mp"


def run(*words: object) -> int:
    return main(["export", "core", *map(str, words)])


@pytest.mark.parametrize("place", ["3", "3+17", "0"])
def test_the_core_of_a_replay(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, known = tmp_path / "made", tmp_path / "known"
    assert run(HELLO, "--at", place, "-o", made) == 0
    assert f"position {place}, " in capsys.readouterr().err
    assert replay.main([str(HELLO), "--until", place, "--core", str(known), "-qq"]) == 0
    assert made.read_bytes() == known.read_bytes()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert made.stat().st_blocks * 512 < made.stat().st_size / 4, "it has holes"


@pytest.mark.parametrize("name", ["hello", "trap"])
def test_the_end_with_what_the_guest_left_of_a_trap(name: str, tmp_path: Path) -> None:
    trace = CORPUS / f"{name}-1.0.mp"
    made, known = tmp_path / "made", tmp_path / "known"
    assert run(trace, "-o", made) == 0
    replay.main([str(trace), "--check", "--core", str(known)])
    assert made.read_bytes() == known.read_bytes()


def test_goals_by_name(
    recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recorder.record("hello", "Hello").path
    assert run(path, "--at", "solo5_app_main", "-o", tmp_path / "x") == 0
    assert run(path, "--at", "console:no such text", "-o", tmp_path / "y") == 1
    assert "does not occur in this recording" in capsys.readouterr().err
    assert run(path, "--at", "no_such_function", "-o", tmp_path / "y") == ReplayStatus.USAGE
    assert run(path, "--at", "99999", "-o", tmp_path / "y") == ReplayStatus.USAGE
    assert not (tmp_path / "y").exists()


def test_a_core_is_no_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(HELLO, "-o", "-") == ReplayStatus.USAGE
    assert "nothing for a pipe" in capsys.readouterr().err


def test_a_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_trace(CORPUS / "trap-1.0.mp") as trace:
        (tmp_path / "other").write_bytes(trace.guest() or b"")
    words = (HELLO, "--guest", tmp_path / "other", "-o", tmp_path / "x")
    assert run(*words) == ReplayStatus.DIVERGED
    assert "says more" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Watching(Stopper):
        def watching(self, machine: Interruptible) -> AbstractContextManager[None]:
            self.signal_number = 2
            machine._replay.begin = machine.interrupt  # type: ignore[attr-defined]
            return super().watching(machine)

    monkeypatch.setattr("replay.cli.export_core.Stopper", Watching)
    assert run(HELLO, "-o", tmp_path / "x") == ReplayStatus.INTERRUPTED
    assert "terminated by signal 2, at position" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
