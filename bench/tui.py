"""Does the screen stay quick with a trace of five million events?"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.child import measure
from bench.figures import Answer, Figure
from bench.long_trace import write_long_trace
from bench.run_tui import Took

_EVENTS = 5_000_000
_QUICK_EVENTS = 50_000
_OPEN_GOAL_S = 1.0
_SCAN_GOAL_S = 3.0
_FRAME_GOAL_MS = 50.0
_COLUMNS_GOAL_MIB = 60.0
_MEMORY_GOAL_MIB = 300.0
_ROOT = Path(__file__).resolve().parents[1]
_TURNS = {
    "jump": "60 rows anywhere",
    "scroll": "60 rows, one line further",
    "frame while scanning": "60 rows anywhere, during the scan",
    "kinds": "filter by kind, with 60 rows",
    "slice": "filter by text, a slice of 1000 events",
    "frame while filtering": "60 rows anywhere, during a filter by text",
    "search": "search for the next match, a slice of 1000 events",
    "scrubber": "bar over the run, new",
    "scrubber again": "bar over the run, other marks",
}


def answer(directory: Path, *, quick: bool) -> Answer:
    """A long trace, and what shows it in a process of its own: its models, without a terminal."""
    trace = directory / "long.mp"
    started = time.perf_counter()
    write_long_trace(trace, _QUICK_EVENTS if quick else _EVENTS)
    written_s = time.perf_counter() - started
    took = _models(trace)
    note = (
        f"{took.events:,} events, {trace.stat().st_size / 2**20:.0f} MiB, written in "
        f"{written_s:.0f} s. Turns are the thread's processor time; wall time during the scan and "
        "the filter, which share the interpreter with the screen."
    )
    return Answer(__doc__ or "", [*_figures(took), *_screen(trace)], note)


def _models(trace: Path) -> Took:
    """The view models; see ``bench.run_tui``."""
    spent = measure(
        [sys.executable, "-m", "bench.run_tui", str(trace)],
        directory=trace.parent,
        environment={"PYTHONPATH": str(_ROOT)},
    )
    return Took(**json.loads(spent.output))


def _screen(trace: Path) -> list[Figure]:  # noqa: ARG001
    """The widgets with their strips, under Textual's pilot: they have their place here."""
    return []


def _figures(took: Took) -> list[Figure]:
    return [
        Figure("until the first rows are there", took.open_s, "s", _OPEN_GOAL_S, "with imports"),
        Figure("scan of all events, in the background", took.scan_s, "s", _SCAN_GOAL_S),
        *(_turns(what, *took.values[name]) for name, what in _TURNS.items()),
        Figure("filter by text", took.searched_per_s, "events/s"),
        Figure("columns", took.columns_bytes / 2**20, "MiB", _COLUMNS_GOAL_MIB),
        Figure(
            "memory of all that", took.added_bytes / 2**20, "MiB", _MEMORY_GOAL_MIB, "over imports"
        ),
    ]


def _turns(what: str, middle_s: float, near_all_s: float, most_s: float, times: int) -> Figure:
    how = f"99 of 100; median {middle_s * 1000:.2f}, longest {most_s * 1000:.1f} ms, {times} times"
    return Figure(what, near_all_s * 1000, "ms", _FRAME_GOAL_MS, how)
