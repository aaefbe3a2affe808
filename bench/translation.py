"""What does vetting add to the translation of code that runs once?"""

from __future__ import annotations

from pathlib import Path

from bench.figures import Answer, Figure, Samples
from bench.guests import build_wide
from bench.phases import measure_phase

_GOAL = 1.30


def answer(directory: Path, *, quick: bool) -> Answer:
    """A guest of very many functions, under the engine and under Unicorn alone."""
    functions, rounds = (1000, 3) if quick else (20_000, 5)
    guest, unused = build_wide(functions, directory), directory / "unused.mp"
    samples = Samples()
    for _ in range(rounds):
        for name in ("bare", "plain"):
            samples.add(name, measure_phase(name, guest, "", unused).cpu_s)
    blocks = measure_phase("blocks", guest, "", unused).events
    bare = samples.median("bare")
    figures = [
        Figure("engine with vetting / Unicorn alone", samples.ratio("plain", "bare"), "x", _GOAL),
        Figure("Unicorn alone, a block", bare / blocks * 1e6, "us"),
        Figure("added to each block", samples.added("plain", "bare") / blocks * 1e6, "us"),
    ]
    note = (
        f"{functions} functions in a file of {guest.stat().st_size >> 10} KiB, {blocks} blocks. "
        f"Processor seconds: {samples.spread('bare')}, {samples.spread('plain')}."
    )
    return Answer(__doc__ or "", figures, note)
