"""`solo5-record --gdb`: a guest is debugged while it is recorded, and its recording is faithful."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gdb.driver import PATIENCE_S
from tests.gdb.recordings import Recordings

pytestmark = pytest.mark.slow

_RECORD = "import sys; from replay.cli.record import main; sys.exit(main())"
_REPLAY = "import sys; from replay.cli.replay import main; sys.exit(main())"
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
    assert "a guest that is being recorded cannot be changed" in done.stdout + done.stderr
    assert "Temporary breakpoint 3, audit" in done.stdout
    # gdb has left at the end of its commands, and the guest has gone on.
    assert "is corrupt" in done.stdout
    assert done.returncode == 1
    assert program(_REPLAY, trace, "--check").stdout.startswith("faithful: 501 events")


def test_a_kill_ends_the_recording(recordings: Recordings, tmp_path: Path) -> None:
    trace = str(tmp_path / "live.mp")
    guest = str(recordings.guest("flaky"))
    typed = "break do_business\ncontinue\nset confirm off\nkill\n"
    done = program(_RECORD, "--mem=16", "--gdb", "-o", trace, guest, "2", typed=typed)
    assert "terminated by signal 15" in done.stderr
    replayed = program(_REPLAY, trace, "--check")
    assert "stopped by its operator" in replayed.stdout
    assert replayed.returncode == 5
