"""Replays in another process: what is reported, and what becomes of a process that fails."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from replay.engines.registry import COUNTING_ENGINE
from replay.machine.position import Position
from replay.testing import replayer
from replay.testing.replayer import ReplayerFailed, ReplayerProcess, replay_file

TRACE = Path(__file__).resolve().parents[4] / "traces" / "corpus" / "hello-1.0.mp"
ENGINE = COUNTING_ENGINE


def test_a_faithful_replay() -> None:
    report = replay_file(ENGINE, TRACE, None)
    assert (report.error, report.message) == ("", "")
    assert report.ending == "Halted(status=0, cookie=b'')"
    assert report.digests_verified == 1
    assert len(report.registers) == len(report.memory) == 16


def test_a_replay_to_a_position() -> None:
    report = replay_file(ENGINE, TRACE, None, Position(2, 1))
    assert (report.ending, report.position) == ("Reached()", "2+1")
    assert report.registers != replay_file(ENGINE, TRACE, None).registers


def test_a_log_of_another_run_is_reported() -> None:
    report = replay_file(ENGINE, TRACE, bytes(24))
    assert report.error == "DigestDifference"
    assert "after crossing 0" in report.message


def test_damage_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp"
    path.write_bytes(TRACE.read_bytes()[:50])
    report = replay_file(ENGINE, path, None)
    assert report.error == "Truncated"
    assert str(path) in report.message


def test_what_nobody_may_raise_is_not_reported(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        replay_file(ENGINE, TRACE, "no bytes")  # type: ignore[arg-type]


@pytest.mark.slow
def test_another_process_says_the_same(tmp_path: Path) -> None:
    process = ReplayerProcess()
    try:
        assert process.pid != os.getpid()
        reports = process.replay(ENGINE, TRACE, times=2)
        assert reports == [replay_file(ENGINE, TRACE, None)] * 2
        (stopped,) = process.replay(ENGINE, TRACE, until=Position(3))
        assert stopped.position == "3"
        (damaged,) = process.replay(ENGINE, tmp_path / "absent.mp")
        assert damaged.error == "NotATrace"
    finally:
        process.close()
    with pytest.raises(ReplayerFailed, match="has ended"):
        process.replay(ENGINE, TRACE)


@pytest.mark.slow
def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    process = ReplayerProcess()
    with pytest.raises(ReplayerFailed, match="FileNotFoundError"):
        process.replay(ENGINE, TRACE, log=tmp_path / "absent.log")


@pytest.mark.slow
def test_a_process_that_is_too_slow_is_ended() -> None:
    process = ReplayerProcess()
    with pytest.raises(ReplayerFailed, match="did not answer in 0 s"):
        process.replay(ENGINE, TRACE, timeout_s=0)


def test_one_line_in_one_line_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(bytes(24))
    asked = {"engine": ENGINE, "trace": str(TRACE), "until": "2", "times": 1}
    lines = [{**asked, "log": None}, {**asked, "log": str(tmp_path / "log")}]
    question = "".join(json.dumps(line) + "\n" for line in lines).encode()
    answer = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(question)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=answer))
    assert replayer.main() == 0
    first, second = (json.loads(line) for line in answer.getvalue().splitlines())
    assert (first[0]["position"], first[0]["error"]) == ("2", "")
    assert second[0]["error"] == "DigestDifference"
