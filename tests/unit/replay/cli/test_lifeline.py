"""What ends with its parent, even where that is killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

CHILD = (
    "import os, signal\n"
    "from replay.cli.lifeline import end_with_parent\n"
    "end_with_parent(os.getppid())\n"
    "print('ready', flush=True)\n"
    "signal.pause()\n"
)
PARENT = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
    "sys.stdin.read()\n"
)


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    ready, _, _ = select.select((parent.stdout,), (), (), 60)
    assert ready, "the child is still there"
    assert os.read(parent.stdout.fileno(), 1) == b""
    assert parent.stdin is not None
    parent.stdin.close()
    parent.stdout.close()


def test_a_parent_that_has_gone_already() -> None:
    code = "from replay.cli.lifeline import end_with_parent; end_with_parent(0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM
