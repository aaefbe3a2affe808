"""A damaged trace of a real guest, replayed: a typed error, a detected divergence, or the run as it
was, as far as the trace goes; in bounded time and memory.

tests/fuzz has the same for reading alone, with traces that no guest has made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACE = ROOT / "traces" / "corpus" / "devices-1.0.mp"
TIME_MAX_S = 300
MEMORY_MAX_BYTES = 200_000_000
AGREEMENTS = {"faithful", "unfinished", "as before"}
"""The replay agreed; "as before": it was not made, since nothing new was read."""


def judged(how: str) -> dict[str, Any]:
    """The verdict of `tests.golden.damage`, which ends itself when one replay hangs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden.damage", str(TRACE), how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIME_MAX_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    verdict: dict[str, Any] = json.loads(done.stdout)
    assert verdict["broken"] == []
    assert verdict["memory_bytes"] < MEMORY_MAX_BYTES
    return verdict


@pytest.mark.slow
def test_cut_at_every_byte() -> None:
    """Every prefix that has a header and a guest replays to where it ends."""
    outcomes = judged("cut")["outcomes"]
    assert sum(outcomes.values()) == TRACE.stat().st_size
    assert set(outcomes) == {"NotATrace", "Truncated", "Corrupt"} | AGREEMENTS
    assert outcomes["unfinished"] > 100


@pytest.mark.slow
def test_flipped_bits() -> None:
    """A bit of header, guest, events or digests is always noticed; one of the summary, index or
    trailer leaves a trace that is unfinished and still agrees."""
    outcomes = judged("flipped")["outcomes"]
    assert sum(outcomes.values()) >= 3000
    assert outcomes["Corrupt"] > sum(outcomes.values()) / 2
    assert not set(outcomes) & {"Divergence", "StateDivergence"}


@pytest.mark.slow
def test_forged_events() -> None:
    """Events changed behind right checksums are found out by the guest, which then does something
    else, or by its state in the end."""
    outcomes = judged("forged")["outcomes"]
    assert outcomes["Divergence"] > 100
    assert outcomes["StateDivergence"] > 0
    assert outcomes["BadEvent"] > 0
