"""Invariant: whatever a guest does, the host process lives, every stop is a typed one, nothing that
is not reproducible is executed, and a second run comes to the same end.

``SOLO5_REPLAY_FUZZ`` multiplies the number of cases: 50 takes about ten minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replay.testing.cases import GuestShelf
from replay.toolchain.programs import find_program

ROOT = Path(__file__).resolve().parents[2]
CASES = {"bytes": 200, "system": 50, "state": 40, "mutated": 50}
MULTIPLIER = int(os.environ.get("SOLO5_REPLAY_FUZZ", "1"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_the_host_outlives_every_guest(kind: str, tmp_path: Path) -> None:
    count = CASES[kind] * MULTIPLIER
    command = [sys.executable, "-m", "tests.fuzz.wild_guests", kind, "0", str(count)]
    if kind == "mutated":
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed: apt-get install gcc binutils")
        guest = tmp_path / "copy.hvt"
        guest.write_bytes(GuestShelf(tmp_path).guest(find_program("hello"), "hvt"))
        command.append(str(guest))
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60 + 2 * count, check=False
    )
    last = result.stdout.splitlines()[-1:]
    assert result.returncode in (0, 1), f"status {result.returncode} in {last}: {result.stderr}"
    wrong = [line for line in result.stdout.splitlines() if not line.startswith("case ")]
    assert not wrong, "\n".join(wrong)
