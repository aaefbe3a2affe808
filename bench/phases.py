"""A guest un-recorded, recorded and replayed in turn, each time in a fresh process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.child import measure
from bench.figures import Samples
from bench.run_phase import Phase
from replay.engines.registry import COUNTING_ENGINE

PLAIN, RECORD, REPLAY = "un-recorded", "recording", "replay"
_MODES = {PLAIN: "plain", RECORD: "record", REPLAY: "replay"}
_ROOT = Path(__file__).resolve().parents[1]


def interleaved(
    guest: Path, arguments: str, trace: Path, rounds: int, *, engine: str = COUNTING_ENGINE
) -> tuple[Samples, int]:
    """Processor seconds of each variant, ``rounds`` times in turn, and the number of crossings.

    ``trace`` holds the last recording afterwards.
    """
    samples = Samples()
    events = 0
    for _ in range(rounds):
        trace.unlink(missing_ok=True)
        for name in (PLAIN, RECORD, REPLAY):
            phase = measure_phase(_MODES[name], guest, arguments, trace, engine=engine)
            samples.add(name, phase.cpu_s)
            events = phase.events
    return samples, events


def measure_phase(
    mode: str,
    guest: Path,
    arguments: str,
    trace: Path,
    *,
    engine: str = COUNTING_ENGINE,
    environment: Mapping[str, str] | None = None,
) -> Phase:
    """One run in a process of its own; the modes are those of ``bench.run_phase``."""
    command = [sys.executable, "-m", "bench.run_phase", engine, mode, str(guest), str(trace)]
    spent = measure(
        [*command, *arguments.split()],
        directory=trace.parent,
        environment={"PYTHONPATH": str(_ROOT), **(environment or {})},
    )
    return Phase(**json.loads(spent.output))
