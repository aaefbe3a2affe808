"""Whose processor time counts."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.run_phase import _processor_of, _processor_s

_BUSY = """
import time
while time.process_time() < 0.05: pass
print(flush=True)
input()
"""


def test_the_clock_of_a_process_is_its_processor_time() -> None:
    before = time.process_time()
    here = _processor_of(os.getpid())
    assert before <= here <= time.process_time()


def test_the_time_of_a_child_that_is_still_there_counts() -> None:
    command = [sys.executable, "-c", _BUSY]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        assert _processor_s() - time.process_time() >= 0.045
        child.stdin.write(b"\n")
