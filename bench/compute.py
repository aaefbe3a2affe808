"""What do recording and replaying cost a guest that computes, on Unicorn?"""

from __future__ import annotations

from pathlib import Path

from bench.figures import Answer, Figure
from bench.guests import build_program
from bench.phases import PLAIN, RECORD, REPLAY, interleaved

_GOAL = 1.10


def answer(directory: Path, *, quick: bool) -> Answer:
    """The compute program: doubles, integers and memory, 18 crossings in all."""
    guest = build_program("compute", directory)
    work, rounds = ("4", 3) if quick else ("20", 11)
    samples, _ = interleaved(guest, work, directory / "compute.mp", rounds)
    figures = [
        Figure(f"{name} / {PLAIN}", samples.ratio(name, PLAIN), "x", _GOAL, samples.spread(name))
        for name in (RECORD, REPLAY)
    ]
    note = f"Processor seconds of the run alone, `compute {work}`; {samples.spread(PLAIN)}."
    return Answer(__doc__ or "", figures, note)
