"""Does the screen stay quick with a trace of five million events?"""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import termios
import time
from pathlib import Path
from statistics import median

from bench.child import bytecode_in, measure, program
from bench.figures import Answer, Figure
from bench.guests import build_program
from bench.long_trace import write_long_trace
from bench.run_tui import Took

_EVENTS = 5_000_000
_QUICK_EVENTS = 50_000
_OPEN_GOAL_S = 1.0
_SCAN_GOAL_S = 3.0
_FRAME_GOAL_MS = 50.0
_COLUMNS_GOAL_MIB = 60.0
_MEMORY_GOAL_MIB = 300.0
_STARTS = 5
_ROW = b"ReadTsc"
_SCREEN = (60, 200)
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
    calls, starts = (_QUICK_EVENTS, 1) if quick else (_EVENTS, _STARTS)
    return Answer(__doc__ or "", [*_figures(took), *_screen(directory, calls, starts)], note)


def _models(trace: Path) -> Took:
    """The view models; see ``bench.run_tui``."""
    spent = measure(
        [sys.executable, "-m", "bench.run_tui", str(trace)],
        directory=trace.parent,
        environment={"PYTHONPATH": str(_ROOT)},
    )
    return Took(**json.loads(spent.output))


def _screen(directory: Path, calls: int, starts: int) -> list[Figure]:
    """The program and its widgets with a guest that was really recorded."""
    trace = _recorded(directory, calls)
    _first_screen_s(trace)  # which makes the bytecode
    shown = [_first_screen_s(trace) for _ in range(starts)]
    spent = measure(
        [sys.executable, "-m", "bench.run_screen", str(trace)],
        directory=directory,
        environment={"PYTHONPATH": str(_ROOT)},
    )
    took = json.loads(spent.output)
    whole = f"{took['events']:,} events of a real guest"
    return [
        Figure(
            "solo5-replay --tui: until events are on a terminal",
            median(shown),
            "s (wall)",
            _OPEN_GOAL_S,
            f"{whole}; {min(shown):.2f} .. {max(shown):.2f}, {starts} times",
        ),
        Figure("the screen: until the guest has booted", took["booted_s"], "s (wall)"),
        Figure("the screen: until all is known, the verdict too", took["known_s"], "s (wall)"),
        _strips("the screen: strips of another place of the list", took["jump_s"]),
        _strips("the screen: strips of another filter", took["filter_s"]),
        Figure(
            "the screen: memory beyond the player's",
            took["added_bytes"] / 2**20,
            "MiB",
            _MEMORY_GOAL_MIB,
            whole,
        ),
    ]


def _strips(what: str, turns: list[float]) -> Figure:
    return _turns(
        what, median(turns), sorted(turns)[len(turns) * 99 // 100], max(turns), len(turns)
    )


def _recorded(directory: Path, calls: int) -> Path:
    guest = build_program("clocks", directory)
    trace = directory / "clocks.mp"
    measure(
        [program("solo5-record"), "-q", "-o", str(trace), str(guest), "mono", str(calls)],
        directory=directory,
    )
    return trace


def _first_screen_s(trace: Path) -> float:
    """Wall time from the program's start until the first event's row is sent to its terminal."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(bytecode_in(trace.parent), TERM="xterm-256color")
        termios.tcsetwinsize(0, _SCREEN)
        os.execv(program("solo5-replay"), ["solo5-replay", str(trace), "--tui"])
    seen = b""
    try:
        while _ROW not in seen:
            seen += os.read(terminal, 1 << 16)
        return time.perf_counter() - started
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


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
