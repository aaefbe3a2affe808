"""`solo5-replay --gdb` as a person uses it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gdb.driver import PATIENCE_S
from tests.gdb.recordings import Recordings

pytestmark = pytest.mark.slow

_MAIN = "import sys; from replay.cli.replay import main; sys.exit(main())"


def test_one_command_opens_gdb_connected(recordings: Recordings) -> None:
    trace = recordings.trace("hello")
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, str(trace), "--gdb", "-g", "5+10"],
        input="when\nreverse-stepi\nwhen\nset var $rax = 1\nstepi\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "5+10 of 18" in done.stdout
    assert "5+9 of 18" in done.stdout
    assert "solo5-replay: a diversion begins at 5+9" in done.stderr
    assert done.returncode == 0


def test_one_client_is_served_and_told_of_diversions(
    recordings: Recordings, tmp_path: Path
) -> None:
    trace = recordings.trace("hello")
    words = [str(trace), "--gdb", str(tmp_path / "socket"), "--once"]
    with subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words], stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr
        command = program.stderr.readline().removeprefix("solo5-replay: connect with: ").strip()
        client = subprocess.run(
            ["sh", "-c", f"{command} -nx -batch -ex 'set var $rax = 1' -ex stepi -ex when"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert program.wait(PATIENCE_S) == 0
        assert program.stderr.read() == ""
    assert "a diversion begins at 0" in client.stdout + client.stderr
    assert "on a diversion" in client.stdout


def test_a_socket_is_served_until_ctrl_c(recordings: Recordings, tmp_path: Path) -> None:
    trace = recordings.trace("hello")
    with subprocess.Popen(
        [sys.executable, "-c", _MAIN, str(trace), "--gdb", str(tmp_path / "socket"), "-e"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr
        said = program.stderr.readline()
        command = said.removeprefix("solo5-replay: connect with: ").strip()
        client = subprocess.run(
            ["sh", "-c", f"{command} -nx -batch -ex when"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE_S) == 0
    assert "18 of 18" in client.stdout
    assert not (tmp_path / "socket").exists()
