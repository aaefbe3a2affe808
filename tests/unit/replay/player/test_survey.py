"""Surveys in a process of their own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from replay.engines.choice import AUTO
from replay.player import survey
from replay.player.given_log import GivenLog
from replay.player.session import Changes
from replay.player.survey import Survey
from replay.player.verdict import CannotReplay, Diverged, Faithful, Incomplete
from tests.unit.replay.growing import Growing
from tests.unit.replay.player.travelled import SECRET, Journey
from tests.unit.replay.recordings import Recorder

CORPUS = Path(__file__).parents[4] / "traces/corpus"
PATIENCE_S = 60


def gone(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], PATIENCE_S)[0])


def test_a_survey_brings_console_frames_and_verdict(
    journey: Journey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "replay.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    told = threading.Event()
    log = GivenLog()
    survey = Survey(journey.path, log, told=told.set)
    verdict = survey.wait(PATIENCE_S)
    assert isinstance(verdict, Faithful)
    assert told.is_set()
    assert log.complete_until == verdict.events
    assert log.console.size
    assert [event for event in range(verdict.events) if log.given(event)]
    survey.close()
    assert survey.verdict == verdict


def test_changes_are_replayed(journey: Journey) -> None:
    changed = journey.guest.replace(SECRET.to_bytes(8, "little"), b"changed!")
    survey = Survey(journey.path, GivenLog(), changes=Changes(guest=changed))
    assert isinstance(survey.wait(PATIENCE_S), Diverged)


def test_a_trace_without_its_guest() -> None:
    survey = Survey(CORPUS / "example-1.0.mp", GivenLog(), engine=AUTO)
    verdict = survey.wait(PATIENCE_S)
    assert isinstance(verdict, CannotReplay)
    assert "embed" in verdict.why


def test_a_trace_that_was_cut(recorder: Recorder) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=2)
    verdict = Survey(growing.path, GivenLog()).wait(PATIENCE_S)
    assert isinstance(verdict, Incomplete)
    assert verdict.events == 6


def test_it_follows_and_can_be_closed(recorder: Recorder) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=1)
    arrived = threading.Event()
    log = GivenLog()
    survey = Survey(
        growing.path,
        log,
        follow=True,
        told=lambda: arrived.set() if log.complete_until == 3 else None,
    )
    assert arrived.wait(PATIENCE_S)
    assert survey.pid is not None
    process = os.pidfd_open(survey.pid)
    survey.close()
    assert gone(process)
    os.close(process)
    assert survey.verdict is None


def test_it_follows_to_the_end(recorder: Recorder) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=1)
    survey = Survey(growing.path, GivenLog(), follow=True)
    while growing.left:
        growing.grow(3 if growing.left > 1 else 0)
    verdict = survey.wait(PATIENCE_S)
    assert isinstance(verdict, Faithful)


def test_a_process_that_is_killed_is_told(recorder: Recorder) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=1)
    survey = Survey(growing.path, GivenLog(), follow=True)
    assert survey.pid is not None
    os.kill(survey.pid, signal.SIGKILL)
    verdict = survey.wait(PATIENCE_S)
    assert verdict == CannotReplay("the process that replays it has ended (-9)")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_process_ends_with_this_one(recorder: Recorder, number: signal.Signals) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=1)
    code = (
        "import sys; from replay.player.survey import Survey\n"
        "from replay.player.given_log import GivenLog\n"
        "log = GivenLog()\n"
        "def told():\n"
        "    if log.complete_until: print(survey.pid, flush=True)\n"
        "survey = Survey(sys.argv[1], log, follow=True, told=told)\n"
        "survey.wait()\n"
    )
    command = [sys.executable, "-c", code, str(growing.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        process = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(number)
        assert gone(process)
    os.close(process)


def test_nonsense_is_told(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_CODE", "print('what is this?')")
    verdict = Survey(recorder.record("hello").path, GivenLog()).wait(PATIENCE_S)
    assert isinstance(verdict, CannotReplay)
    assert "nonsense" in verdict.why


def test_no_process_to_be_had(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey.sys, "executable", "/nonexistent")
    path = recorder.record("hello").path
    nothing = Survey(path, GivenLog())
    assert isinstance(nothing.wait(), CannotReplay)
    assert nothing.pid is None
    nothing.close()
