"""From a guest to a verified replay, and back from its trace."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Guest
from tests.cli.programs import run

pytestmark = pytest.mark.slow


def test_a_run_and_its_replay(guest: Guest) -> None:
    recorded = run("solo5-record", guest("hello"), "Hello_Solo5")
    assert recorded.status == 0
    assert recorded.out.endswith("SUCCESS\nSolo5: exit with status 0\n")
    assert recorded.err.endswith(" in hello.mp; `solo5-replay hello.mp`\n")
    replayed = run("solo5-replay", "hello.mp")
    assert (replayed.status, replayed.out) == (0, recorded.out)
    assert replayed.err.startswith("solo5-replay: faithful: ")


@pytest.mark.parametrize(("given", "status"), [("7", 7), ("300", 44), ("-1", 255)])
def test_exit_statuses(guest: Guest, given: str, status: int) -> None:
    assert run("solo5-record", "-q", guest("exit"), given).status == status
    assert run("solo5-replay", "exit.mp").status == status
    assert run("solo5-replay", "exit.mp", "--check").status == 1


def test_default_names_never_overwrite(here: Path, guest: Guest) -> None:
    name = guest("exit")
    for status in ("1", "2", "3"):
        run("solo5-record", "-q", name, status)
    statuses = [run("solo5-replay", f).status for f in ("exit.mp", "exit.2.mp", "exit.3.mp")]
    assert statuses == [1, 2, 3]
    refused = run("solo5-record", "-o", "exit.mp", name, "4")
    assert refused.status == 125
    assert "never overwritten" in refused.err
    assert run("solo5-replay", "exit.mp").status == 1


def test_refusals(guest: Guest, here: Path) -> None:
    (here / "junk").write_text("junk")
    for words in (["junk"], ["missing"], ["--net:x=tap0", guest("hello")], []):
        refused = run("solo5-record", *words)
        assert refused.status == 1
        assert refused.out == ""
        assert refused.err.startswith("solo5-record: ")
        assert "Traceback" not in refused.err


def test_a_block_device(guest: Guest, here: Path) -> None:
    disk = here / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    recorded = run("solo5-record", "--block:storage=disk.img", guest("blk"))
    assert recorded.status == 0
    disk.unlink()
    assert run("solo5-replay", "blk.mp").out == recorded.out


def test_a_divergence_can_be_approached_with_the_command_given(guest: Guest) -> None:
    run("solo5-record", "-q", guest("hello"), "one")
    diverged = run("solo5-replay", "hello.mp", "--args", "two words")
    assert diverged.status == 3
    assert "recorded  ConsoleWrite(" in diverged.err
    assert "replayed  ConsoleWrite(" in diverged.err
    assert "console   **** Solo5 standalone test_hello ****" in diverged.err
    assert "solo5_app_main+" in diverged.err
    command = diverged.err.splitlines()[-1].removeprefix("solo5-replay: ").strip()
    program, *words = shlex.split(command)
    approached = run(program, *words)
    assert approached.status == 0
    assert f"at position {words[-1]}\n" in approached.err
    assert "two words" not in approached.out


def test_a_replayed_sleep_takes_no_time(guest: Guest) -> None:
    run("solo5-record", "-q", guest("time"), "100")
    dumped = run("solo5-trace", "dump", "time.mp", "--type", "ReadTsc", "--json").out
    readings = [json.loads(line)["result"]["cycles"] for line in dumped.splitlines()]
    # Five sleeps in the recording's own time; a cycle is a nanosecond.
    assert readings[-1] - readings[0] > 500_000_000
    replayed = run("solo5-replay", "time.mp", "-v")
    assert replayed.status == 0
    assert replayed.out.count("wanted 100000000 ns, slept ") == 5


def test_a_trace_from_recording_to_rescue(guest: Guest, here: Path) -> None:
    run("solo5-record", "-q", "--no-embed", guest("clocks"), "wall", "20000")
    assert run("solo5-trace", "verify", "clocks.mp").status == 0
    shown = run("solo5-trace", "info", "clocks.mp").out
    assert "20000  WallClock" in shown
    assert "ended       the guest halted with status 0" in shown
    whole = (here / "clocks.mp").read_bytes()
    (here / "broken.mp").write_bytes(whole[: len(whole) * 3 // 4])
    assert run("solo5-trace", "verify", "broken.mp").status == 4
    rescued = run("solo5-trace", "salvage", "broken.mp", "-o", "rescued.mp")
    assert rescued.status == 0
    assert rescued.out.startswith("kept ")
    assert run("solo5-trace", "verify", "rescued.mp").status == 5
    assert run("solo5-replay", "rescued.mp", "--check", "--guest", "clocks.hvt").status == 5
    compared = run("solo5-trace", "diff", "clocks.mp", "rescued.mp")
    assert compared.status == 3
    assert "(no more events; how the run ended: not known, this was salvaged" in compared.out


def test_two_runs_differ_where_they_should(guest: Guest) -> None:
    name = guest("flaky")
    for _ in range(2):
        run("solo5-record", "-q", name)
    compared = run("solo5-trace", "diff", "flaky.mp", "flaky.2.mp")
    assert compared.status == 3
    assert compared.out.startswith("first difference: event 0, and all before agree\n")
