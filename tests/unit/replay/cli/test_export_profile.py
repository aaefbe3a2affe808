from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from replay.cli.stopping import Interruptible, Stopper
from replay.cli.trace import main
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO = CORPUS / "hello-1.0.mp"


def run(*words: object) -> int:
    return main(["export", *map(str, words)])


def test_folded_stacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("folded", HELLO, "--every", 20, "-o", tmp_path / "x") == 0
    lines = (tmp_path / "x").read_text().splitlines()
    total = sum(int(line.rpartition(" ")[2]) for line in lines)
    assert f"solo5-trace: {total} samples, one in 20 of " in capsys.readouterr().err
    assert lines == sorted(lines)


def test_a_flame_graph(tmp_path: Path) -> None:
    assert run("flamegraph", HELLO, "-o", tmp_path / "x") == 0
    assert ET.fromstring((tmp_path / "x").read_text()).tag.endswith("svg")


def test_a_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_trace(CORPUS / "trap-1.0.mp") as trace:
        (tmp_path / "other").write_bytes(trace.guest() or b"")
    words = ("folded", HELLO, "--guest", tmp_path / "other", "-o", tmp_path / "x")
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

    monkeypatch.setattr("replay.cli.export_profile.Stopper", Watching)
    assert run("folded", HELLO, "-o", tmp_path / "x") == ReplayStatus.INTERRUPTED
    assert "terminated by signal 2, at position" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("every", ["0", "-1", "x", "1" * 30])
def test_distances_that_are_none(every: str) -> None:
    assert run("folded", HELLO, f"--every={every}") == ReplayStatus.USAGE
