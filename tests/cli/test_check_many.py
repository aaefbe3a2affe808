"""Many traces checked at once, as a person and a CI job see it; every exit status of a check."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from replay.cli.exit_codes import ReplayStatus
from tests.cli.conftest import Guest
from tests.cli.programs import PATIENCE_S, argv_of, on_terminal, run, running

pytestmark = pytest.mark.slow

TRACES = 200


def damaged(path: str, copy: str) -> None:
    """Flip a byte of the last events."""
    data = bytearray(Path(path).read_bytes())
    data[-200] ^= 0xFF
    Path(copy).write_bytes(data)


@pytest.fixture
def many(guest: Guest, here: Path) -> Path:
    """A folder of many traces, one of them damaged."""
    run("solo5-record", "-q", "--mem=16", guest("hello"))
    folder = here / "traces"
    (folder / "inner").mkdir(parents=True)
    for number in range(TRACES - 1):
        shutil.copy("hello.mp", folder / ("inner" if number % 2 else "") / f"{number}.mp")
    damaged("hello.mp", f"{folder}/broken.mp")
    return folder


def test_many_on_a_terminal(many: Path) -> None:
    with on_terminal("solo5-replay", "--check", "-j2", many.name) as check:
        assert check.wait() == ReplayStatus.BAD_TRACE
    assert "checking" in check.shown
    assert re.search(rf"\b\d+/{TRACES}\b", check.shown), "no progress bar"
    assert check.shown.count(": faithful: ") == TRACES - 1
    assert "traces/broken.mp: traces/broken.mp: checksum of block 'E' is wrong" in re.sub(
        r"\s*\r?\n", " ", check.shown
    )
    assert f"{TRACES} traces: {TRACES - 1} faithful, 1 bad-trace; in " in check.shown
    assert "s, 2 at a time" in check.shown


def check(*words: str) -> int:
    return run("solo5-replay", "--check", "-j2", *words).status


def test_every_status(guest: Guest, here: Path) -> None:
    """The table of exit codes, and that the worst stands for all."""
    run("solo5-record", "-q", guest("hello"), "one")
    run("solo5-record", "-q", guest("exit"), "7")
    run("solo5-record", "-q", "--no-embed", "-o", "alone.mp", "hello.hvt", "one")
    with running("solo5-record", guest("faults"), "loop") as recorder:
        recorder.wait_for("now: loop\n")
        recorder.signal(signal.SIGINT)
        recorder.wait()
    damaged("hello.mp", "broken.mp")
    (here / "empty").mkdir()

    worse: list[str] = []
    for trace, status in (
        ("hello.mp", ReplayStatus.FAITHFUL),
        ("faults.mp", ReplayStatus.INCOMPLETE),
        ("exit.mp", ReplayStatus.GUEST_FAILED),
        ("alone.mp", ReplayStatus.CANNOT_REPLAY),
        ("broken.mp", ReplayStatus.BAD_TRACE),
    ):
        worse.append(trace)
        assert check(trace) == status, trace
        assert check(*worse) == status, worse
    assert check("hello.mp", "broken.mp", "--args", "two") == ReplayStatus.DIVERGED
    assert check("empty") == ReplayStatus.USAGE
    assert check("hello.mp", "--rebuild-ok") == ReplayStatus.USAGE
    assert check("none.mp") == ReplayStatus.BAD_TRACE


@pytest.fixture
def endless(guest: Guest) -> list[str]:
    """A trace, and how to replay it so that it computes for days."""
    run("solo5-record", "-q", guest("compute"), "1")
    return ["compute.mp", "--args", "1000000"]


def test_a_time_limit(endless: list[str], guest: Guest) -> None:
    run("solo5-record", "-q", guest("exit"), "7")
    assert check(*endless, "exit.mp", "--timeout", "1") == ReplayStatus.DIVERGED
    assert check(*endless, "--timeout", "0.5") == ReplayStatus.TIMEOUT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(endless: list[str], number: signal.Signals) -> None:
    with running("solo5-replay", "--check", "-j2", "none.mp", *endless) as checking:
        checking.wait_for("none.mp: ")
        checking.signal(number)
        assert checking.wait() == ReplayStatus.INTERRUPTED
    assert "compute.mp: stopped before there was a verdict" in checking.shown
    assert "Traceback" not in checking.shown


def test_ctrl_c_on_a_terminal(endless: list[str]) -> None:
    with on_terminal("solo5-replay", "--check", "-j2", "none.mp", *endless) as checking:
        checking.wait_for("none.mp: ")
        checking.type(b"\x03")
        assert checking.wait() == ReplayStatus.INTERRUPTED
    assert "1 interrupted" in checking.shown


def test_nobody_reads(guest: Guest) -> None:
    run("solo5-record", "-q", guest("exit"), "7")
    names = [f"none{number}.mp" for number in range(200)]
    process = subprocess.Popen(
        argv_of("solo5-replay", "--check", "-j1", *names, "exit.mp"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(PATIENCE_S), errors) == (ReplayStatus.OUTPUT_CLOSED, b"")


def test_a_guest_that_was_built_anew(guest: Guest, here: Path) -> None:
    run("solo5-record", "-q", guest("hello"), "one")
    changed = bytearray((here / "hello.hvt").read_bytes())
    changed += b"something behind it, as another build has it"
    at = changed.index(b"Command line is")
    (here / "new.hvt").write_bytes(changed)
    words = ("hello.mp", "--guest=new.hvt", "--rebuild-ok", "--json")
    found = run("solo5-replay", "--check", *words)
    assert found.status == 0
    assert "faithful" not in found.out
    assert json.loads(found.out)["verdict"] == "input-compatible"
    changed[at] ^= 1
    (here / "new.hvt").write_bytes(changed)
    found = run("solo5-replay", "--check", *words)
    assert (found.status, json.loads(found.out)["verdict"]) == (3, "diverged")


def test_one_trace_under_a_service(guest: Guest, here: Path) -> None:
    run("solo5-record", "-q", guest("exit"), "7")
    found = run("solo5-replay", "exit.mp", "--check", GITHUB_ACTIONS="true")
    assert found.status == 1
    assert "::error title=exit.mp%3A guest-failed::" in found.err
    found = run("solo5-replay", "exit.mp", "--check", GITLAB_CI="true")
    assert "section_start:" in found.err
