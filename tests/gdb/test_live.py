"""`solo5-record --gdb`: a guest is debugged while it is recorded, and its recording is faithful."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from replay.gdbstub.server import Address
from tests.gdb.driver import PATIENCE_S, Typing
from tests.gdb.recordings import Recordings

pytestmark = pytest.mark.slow

_RECORD = "import sys; from replay.cli.record import main; sys.exit(main())"
_REPLAY = "import sys; from replay.cli.replay import main; sys.exit(main())"
_SLEEP_MS = 1200
_SESSION = """\
set pagination off
set confirm off
set width 0
break do_business
continue
watch solo5_app_main::desk.orders
continue
continue
stepi
next
set var $rax = 1
set var solo5_app_main::desk.orders = 0
print do_business(0)
delete
tbreak audit
continue
finish
monitor when
"""


def program(code: str, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_live_guest_is_debugged_and_recorded(recordings: Recordings, tmp_path: Path) -> None:
    trace = str(tmp_path / "live.mp")
    guest = str(recordings.guest("flaky"))
    done = program(_RECORD, "--mem=16", "--gdb", "-o", trace, guest, "2", typed=_SESSION)
    assert "Breakpoint 1, do_business" in done.stdout
    assert "Old value = 0\nNew value = 1" in done.stdout
    assert "Old value = 1\nNew value = 2" in done.stdout
    refused = "a guest that is being recorded cannot be changed"
    assert f"'E.{refused}" in done.stdout + done.stderr
    assert f"solo5-record: {refused}" in done.stderr  # of memory, which gdb keeps to itself
    assert "Temporary breakpoint 3, audit" in done.stdout
    # gdb has left at the end of its commands, and the guest has gone on.
    assert "is corrupt" in done.stdout
    assert done.returncode == 1
    verdict = program(_REPLAY, trace, "--check").stdout
    assert verdict.startswith("faithful, guest failed as recorded: 501 events")


def test_the_exit_of_a_live_guest(recordings: Recordings, tmp_path: Path) -> None:
    trace = str(tmp_path / "live.mp")
    guest = str(recordings.guest("flaky"))
    typed = "continue\ninfo threads\n"
    done = program(_RECORD, "--mem=16", "--gdb", "-o", trace, guest, "2", typed=typed)
    assert "exited with code 01]" in done.stdout
    assert "No threads." in done.stdout
    assert done.returncode == 1
    verdict = program(_REPLAY, trace, "--check").stdout
    assert verdict.startswith("faithful, guest failed as recorded: 501 events")


class Recorder:
    """A recording of the guest that sleeps; it waits for a gdb that somebody else starts."""

    def __init__(self, folder: Path, guest: Path) -> None:
        self.trace = str(folder / "live.mp")
        self.address = Address(path=str(folder / "socket"))
        options = ["--mem=16", f"--gdb={self.address}", "-o", self.trace, str(guest)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RECORD, *options, str(_SLEEP_MS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stderr
        assert "connect with: gdb" in self._process.stderr.readline()
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # which closes its pipes
            self._process.kill()

    def wait_for(self, text: str) -> str:
        """The next line on the guest's console with ``text`` in it."""
        assert self._process.stdout
        return next(line for line in self._process.stdout if text in line)

    def press_ctrl_c(self) -> None:
        """As a terminal does it."""
        self._process.send_signal(signal.SIGINT)

    def last_words(self) -> str:
        """What it says at its end."""
        return self._process.communicate(timeout=PATIENCE_S)[1]


def stopped_at(gdb: Typing) -> str:
    """Where Ctrl-C finds the guest."""
    gdb.interrupt()
    gdb.type("backtrace", "echo <<here>>\\n")
    return gdb.wait_for("<<here>>")


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_a_guest_that_waits_can_be_stopped_and_goes_on_waiting(
    recordings: Recordings, tmp_path: Path, target: str
) -> None:
    with Recorder(tmp_path, recordings.guest("time", target)) as recorder:
        with Typing(recorder.address) as gdb:
            gdb.type("continue")
            recorder.wait_for("a yield that is due")
            while "solo5_yield" not in stopped_at(gdb):  # new code takes a moment
                gdb.type("continue")
                recorder.wait_for("slept")
            gdb.type("continue")
            slept = re.search(r"slept (\d+) ns", recorder.wait_for("slept"))
            assert slept
            assert int(slept[1]) >= _SLEEP_MS * 1_000_000
            gdb.die()  # while the guest waits again
        recorder.press_ctrl_c()
        assert "terminated by signal 2" in recorder.last_words()
    replayed = program(_REPLAY, recorder.trace, "--check")
    assert "stopped by its operator" in replayed.stdout
    assert replayed.returncode == 5


def test_ctrl_c_before_gdb_has_come(recordings: Recordings, tmp_path: Path) -> None:
    with Recorder(tmp_path, recordings.guest("time")) as recorder:
        recorder.press_ctrl_c()
        assert "terminated by signal 2" in recorder.last_words()


def test_a_kill_ends_the_recording(recordings: Recordings, tmp_path: Path) -> None:
    trace = str(tmp_path / "live.mp")
    guest = str(recordings.guest("flaky"))
    typed = "break do_business\ncontinue\nset confirm off\nkill\n"
    done = program(_RECORD, "--mem=16", "--gdb", "-o", trace, guest, "2", typed=typed)
    assert "terminated by signal 15" in done.stderr
    replayed = program(_REPLAY, trace, "--check")
    assert "stopped by its operator" in replayed.stdout
    assert replayed.returncode == 5
