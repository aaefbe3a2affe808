"""A flaky guest is recorded until it fails; the one trace that is kept fails every time."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Guest
from tests.cli.programs import run, running

pytestmark = pytest.mark.slow

REPLAYS = 20


def status_of(path: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(path).read_text())
    return found


def test_the_failing_run_is_kept_and_fails_every_time(guest: Guest, here: Path) -> None:
    name = guest("flaky")
    words = ["--until-failure", "100", "--self-check", "--status-json", "status.json", name]
    recorded = run("solo5-record", *words, "--solo5:quiet")
    assert recorded.status == 1
    assert [path.name for path in here.glob("*.mp")] == ["flaky.mp"]
    status = status_of("status.json")
    assert (status["status"], status["outcome"], status["trace"]) == (1, "halted", "flaky.mp")
    assert status["self_check"]["verdict"] == "guest-failed"  # type: ignore[index]
    assert f"run {status['runs']} of 100 failed" in recorded.err
    assert "self-check: faithful, guest failed as recorded: " in recorded.err
    for number in range(REPLAYS):
        Path(f"copy{number}.mp").symlink_to("flaky.mp")
    checked = run("solo5-replay", "--check", *(f"copy{n}.mp" for n in range(REPLAYS)))
    assert checked.status == 1
    assert checked.out.count(": faithful, guest failed as recorded: ") == REPLAYS
    alone = run("solo5-replay", "--check", "flaky.mp")
    assert alone.status == 1
    assert alone.out.startswith("faithful, guest failed as recorded: ")


def test_runs_that_end_well_leave_nothing(guest: Guest, here: Path) -> None:
    recorded = run("solo5-record", "--until-failure=3", guest("hello"), "Hello_Solo5")
    assert recorded.status == 0
    assert recorded.out.count("SUCCESS") == 3
    assert recorded.err == "solo5-record: 3 runs ended well\n"
    assert list(here.glob("*.mp")) == []


def test_devices_are_there_again_for_each_run(guest: Guest, here: Path) -> None:
    (here / "disk.img").write_bytes(bytes(1 << 20))
    words = ["--until-failure=3", "--block:storage=disk.img", guest("blk")]
    assert run("solo5-record", *words).status == 0


@pytest.mark.parametrize(("program", "words"), [("faults", ["loop"]), ("time", ["3600000"])])
def test_a_time_limit(guest: Guest, here: Path, program: str, words: list[str]) -> None:
    """One that computes, and one that waits on the host."""
    options = ["--timeout=1", "--keep=on-failure", "--status-json=s.json", "--self-check"]
    recorded = run("solo5-record", *options, guest(program), *words)
    assert recorded.status == 124
    assert "the time limit of 1 s has passed" in recorded.err
    assert "self-check: faithful so far: " in recorded.err
    assert status_of("s.json")["outcome"] == "timeout"
    assert run("solo5-replay", "--check", f"{program}.mp").status == 5


def test_ctrl_c_ends_the_runs(guest: Guest, here: Path) -> None:
    words = ["--until-failure=1000000", "--status-json=s.json", guest("faults"), "loop"]
    with running("solo5-record", *words) as recorder:
        recorder.wait_for("now: loop\n")
        recorder.signal(signal.SIGINT)
        assert recorder.wait() == 1
    assert status_of("s.json")["outcome"] == "interrupted"
    assert status_of("s.json")["trace"] == "faults.mp"


def test_a_refused_guest_is_told_in_the_status(here: Path) -> None:
    (here / "junk.hvt").write_text("junk")
    words = ["--status-json=s.json", "--until-failure=5", "junk.hvt"]
    assert run("solo5-record", *words).status == 1
    assert status_of("s.json")["outcome"] == "not-recorded"
    assert status_of("s.json")["runs"] == 1
