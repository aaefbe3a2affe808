"""Ctrl-C, SIGTERM and time limits, wherever a guest is when they come."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.conftest import Guest
from tests.cli.programs import on_terminal, run, running

pytestmark = pytest.mark.slow

PROMPT_S = 1.0
"""A person who presses Ctrl-C does not wait longer; measured from the signal to the exit."""


def is_prompt(took_s: float) -> bool:
    """Whether that is soon enough, on a host that may have more to do than it has processors."""
    return took_s < PROMPT_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def check_finished(trace: str) -> None:
    """The trace was finished, says who ended it, and replays."""
    verified = run("solo5-trace", "verify", trace)
    assert verified.status == 0
    assert verified.out.endswith("; its operator stopped it\n")
    replayed = run("solo5-replay", trace, "--check")
    assert replayed.status == 5
    assert "; the recording was stopped by its operator\n" in replayed.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("program", "words", "last"),
    [
        ("faults", ["loop"], "now: loop\n"),
        ("compute", ["1000000"], "test_compute"),
        ("time", ["3600000"], "a yield that is due takes"),
        ("clocks", ["wall", "1000000000"], "test_clocks"),
    ],
)
def test_a_recording(
    guest: Guest, number: signal.Signals, program: str, words: list[str], last: str
) -> None:
    with running("solo5-record", guest(program), *words) as recorder:
        recorder.wait_for(last)
        recorder.signal(number)
        status, took_s = recorder.timed_wait()
    assert status == 1
    assert f"solo5-record: terminated by signal {int(number)}\n" in recorder.shown
    assert is_prompt(took_s)
    check_finished(f"{program}.mp")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("program", "words", "last"),
    [
        ("sptfaults", ["loop"], "now: loop\n"),
        ("time", ["3600000"], "a yield that is due takes"),
    ],
)
def test_a_recording_of_an_spt_guest(
    guest: Guest, number: signal.Signals, program: str, words: list[str], last: str
) -> None:
    """The status is that of a process that the signal kills, as spt's tender is; the trace is
    finished all the same."""
    with running("solo5-record", guest(program, "spt"), *words) as recorder:
        recorder.wait_for(last)
        recorder.signal(number)
        status, took_s = recorder.timed_wait()
    assert status == 128 + number
    assert is_prompt(took_s)
    check_finished(f"{program}.mp")


def test_ctrl_c_on_a_terminal(guest: Guest) -> None:
    with on_terminal("solo5-record", guest("faults"), "loop") as recorder:
        recorder.wait_for("now: loop")
        recorder.type(b"\x03")
        assert recorder.wait() == 1
    assert "terminated by signal 2" in recorder.shown
    check_finished("faults.mp")


def test_twice(guest: Guest) -> None:
    """Whichever comes first, it ends; and the trace is good for what it holds."""
    with running("solo5-record", guest("faults"), "loop") as recorder:
        recorder.wait_for("now: loop\n")
        recorder.signal(signal.SIGTERM)
        recorder.signal(signal.SIGINT)
        status, took_s = recorder.timed_wait()
    assert status == 1
    assert is_prompt(took_s)
    assert "Traceback" not in recorder.shown
    assert run("solo5-trace", "verify", "faults.mp").status in (0, 5)
    assert run("solo5-replay", "faults.mp", "--check").status == 5


def test_a_killed_recorder_leaves_what_it_had_stored(guest: Guest) -> None:
    with running("solo5-record", guest("time"), "3600000") as recorder:
        recorder.wait_for("a yield that is due takes")
        while (stored := events_in("time.mp")) == 0:
            pass
        recorder.signal(signal.SIGKILL)
        assert recorder.wait() == -signal.SIGKILL
    assert run("solo5-trace", "verify", "time.mp").status == 5
    assert events_in("time.mp") >= stored
    replayed = run("solo5-replay", "time.mp", "--check")
    assert replayed.status == 5
    assert "; the recorder was killed\n" in replayed.out


def events_in(trace: str) -> int:
    count: int = json.loads(run("solo5-trace", "info", "--json", trace).out)["events"]["count"]
    return count


@pytest.fixture
def endless(guest: Guest) -> list[str]:
    """The words of a replay that would go on for weeks behind the last event of its trace."""
    with running("solo5-record", guest("faults"), "loop") as recorder:
        recorder.wait_for("now: loop\n")
        recorder.signal(signal.SIGINT)
        recorder.wait()
    return ["faults.mp", "--until", f"{events_in('faults.mp')}+{10**15}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_replay(endless: list[str], number: signal.Signals) -> None:
    with running("solo5-replay", *endless) as replay:
        replay.wait_for("now: loop\n")
        replay.signal(number)
        status, took_s = replay.timed_wait()
    assert status == 130
    assert is_prompt(took_s)
    assert f"solo5-replay: terminated by signal {int(number)}, at position " in replay.shown


def test_a_time_limit(endless: list[str]) -> None:
    replayed = run("solo5-replay", *endless, "--timeout", "0.2")
    assert replayed.status == 124
    assert "the time limit of 0.2 s has passed, at position " in replayed.err
