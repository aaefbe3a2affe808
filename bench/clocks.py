"""What does a clock call cost on Unicorn, in time when recording and in bytes of the trace?"""

from __future__ import annotations

from pathlib import Path

from bench.figures import Answer, Figure
from bench.guests import build_program
from bench.phases import PLAIN, RECORD, REPLAY, interleaved
from bench.sizes import event_sizes

_ADDED_US_GOAL = 3.0
_RAW_BYTES_GOAL = 12.0
_STORED_BYTES_GOAL = 5.0
_CLOCKS = {"wall": "wall clock (hypercall)", "mono": "monotonic clock (RDTSC)"}


def answer(directory: Path, *, quick: bool) -> Answer:
    """The clocks program, once with each clock."""
    guest = build_program("clocks", directory)
    calls, rounds = (20_000, 3) if quick else (200_000, 7)
    figures: list[Figure] = []
    for word, title in _CLOCKS.items():
        trace = directory / f"{word}.mp"
        samples, events = interleaved(guest, f"{word} {calls}", trace, rounds)
        each_us = {name: samples.median(name) / events * 1e6 for name in (PLAIN, RECORD, REPLAY)}
        size = event_sizes(trace)
        figures += [
            Figure(
                f"{title}: recording adds to each call",
                samples.added(RECORD, PLAIN) / events * 1e6,
                "us",
                _ADDED_US_GOAL,
                ", ".join(f"{name} {value:.2f} us a call" for name, value in each_us.items()),
            ),
            Figure(f"{title}: replay / {PLAIN}", samples.ratio(REPLAY, PLAIN), "x"),
            Figure(f"{title}: event, encoded", size.raw_bytes / events, "bytes", _RAW_BYTES_GOAL),
            Figure(
                f"{title}: event, in the file",
                size.stored_bytes / events,
                "bytes",
                _STORED_BYTES_GOAL,
                "everything but header and guest",
            ),
        ]
    return Answer(__doc__ or "", figures, f"Processor time of the run alone, {calls} calls.")
