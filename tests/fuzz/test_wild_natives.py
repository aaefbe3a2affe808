"""Invariant: whatever a guest does natively, its run ends with a typed stop or error, can always be
interrupted, and leaves no process.

``SOLO5_REPLAY_FUZZ`` multiplies the number of cases: 50 takes about three minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.engines.choice import why_unavailable

ROOT = Path(__file__).resolve().parents[2]
COUNT = 40 * int(os.environ.get("SOLO5_REPLAY_FUZZ", "1"))


@pytest.mark.slow
@pytest.mark.skipif(why_unavailable("native") is not None, reason=str(why_unavailable("native")))
def test_the_host_outlives_every_guest() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.wild_natives", "0", str(COUNT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60 + 2 * COUNT,
        check=False,
    )
    lines = result.stdout.splitlines()
    assert result.returncode in (0, 1), f"{result.returncode} in {lines[-1:]}: {result.stderr}"
    wrong = [line for line in lines if not line.startswith("case ")]
    assert not wrong, "\n".join(wrong)
    assert len(lines) == COUNT
