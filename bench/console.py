"""What does a megabyte of console output cost, on Unicorn?"""

from __future__ import annotations

from pathlib import Path

from bench.figures import Answer, Figure
from bench.guests import build_program
from bench.phases import PLAIN, RECORD, REPLAY, interleaved
from bench.sizes import event_sizes


def answer(directory: Path, *, quick: bool) -> Answer:
    """The output program, with 256 calls of 4096 bytes and with 16384 calls of 64 bytes."""
    guest = build_program("output", directory)
    rounds = 3 if quick else 7
    figures: list[Figure] = []
    spreads = []
    for lines in (64, 1):
        trace = directory / f"output{lines}.mp"
        samples, _ = interleaved(guest, str(lines), trace, rounds)
        what = f"1 MiB in calls of {lines * 64} bytes"
        figures += [
            Figure(f"{what}: {name} / {PLAIN}", samples.ratio(name, PLAIN), "x")
            for name in (RECORD, REPLAY)
        ]
        size = event_sizes(trace).stored_bytes / 1024
        figures.append(Figure(f"{what}: trace without header and guest", size, "KiB"))
        spreads.append(f"{what}: {samples.spread(PLAIN)}")
    return Answer(__doc__ or "", figures, f"Processor seconds. {'; '.join(spreads)}.")
