"""How fast is time travel over a long computation?"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.figures import Answer, Figure, Samples
from bench.guests import build_roaming
from replay.engines.ports import Access, Watchpoint
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.player.session import ReplaySession
from replay.player.stops import Break, Direction, Wanted, Watch, Why
from replay.player.symbols import Symbols
from replay.player.timeline import CHECKPOINT_MEMORY, Timeline
from traces.reader import open_trace

_ROUNDS = 53_000_000  # a billion instructions
_QUICK_ROUNDS = 16_000_000
_STEPS = 300


def answer(directory: Path, *, quick: bool) -> Answer:
    """Record once, replay plainly and with positions, then travel."""
    guest, trace = build_roaming(directory), directory / "roaming.mp"
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    _record(guest, trace, rounds)
    speed = Samples()
    kept = directory / "roaming.checkpoints"
    for _ in range(1 if quick else 2):
        speed.add("plain", _plain(trace))
        speed.add("timeline", _with_checkpoints(trace))
    figures = [
        Figure(
            "speed with positions and checkpoints / plain replay",
            speed.median("plain") / speed.median("timeline"),
            "x",
            0.85,
            f"{speed.spread('plain')}; {speed.spread('timeline')} s",
            is_least=True,
        )
    ]
    with open_trace(trace) as opened, closing(Timeline(opened, kept=kept)) as timeline:
        timeline.seek(timeline.end)
        instructions = timeline.steps
        figures += _journeys(timeline, Symbols(guest.read_bytes()))
        figures.append(
            Figure(
                "memory for checkpoints",
                timeline.checkpoint_bytes / 2**20,
                "MiB",
                CHECKPOINT_MEMORY / 2**20,
                f"{len(timeline.checkpoints())} checkpoints",
            )
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        figures.append(Figure("memory of the whole process, at most", peak, "MiB"))
    figures.append(_second_time(trace, kept))
    return Answer(
        __doc__ or "", figures, f"{instructions:,} instructions and events, all over 4 MiB."
    )


def _record(guest: Path, trace: Path, rounds: int) -> None:
    program = "from replay.cli.record import main; main()"
    command = [sys.executable, "-c", program, "-q", "-o", str(trace), str(guest), str(rounds)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _plain(trace: Path) -> float:
    with open_trace(trace) as opened:
        session = ReplaySession(opened, engine_factory(COUNTING_ENGINE)())
        started = time.perf_counter()
        session.run()
        spent = time.perf_counter() - started
        session.close()
    return spent


def _with_checkpoints(trace: Path) -> float:
    with open_trace(trace) as opened, closing(Timeline(opened)) as timeline:
        started = time.perf_counter()
        timeline.seek(timeline.end)
        return time.perf_counter() - started


def _journeys(timeline: Timeline, symbols: Symbols) -> list[Figure]:
    steps = _reverse_steps(timeline)
    (rare,) = symbols.functions("rare")
    marker = symbols.variable("lonely")
    assert marker is not None
    back, distance = _timed_from_end(
        timeline, lambda: timeline.run(Direction.BACKWARD, Wanted(breaks=(Break(rare.address),)))
    )
    watch = Watch(Watchpoint(marker.address + 4096, 8, Access.WRITE))
    write, _ = _timed_from_end(
        timeline, lambda: timeline.run(Direction.BACKWARD, Wanted(watches=(watch,)))
    )
    how = f"{distance:,} instructions back"
    return [
        Figure("reverse-stepi, median", steps[len(steps) // 2], "ms", 20, f"{_STEPS} times"),
        Figure("reverse-stepi, p99", steps[len(steps) * 99 // 100], "ms", 80),
        Figure("reverse-continue to a breakpoint", back, "s", 1, how),
        Figure("last write to a variable", write * 1e3, "ms", 40, how),
    ]


def _reverse_steps(timeline: Timeline) -> list[float]:
    """Milliseconds, ascending: some in a row, then from somewhere near the end again."""
    chance, spent = random.Random(1), []
    timeline.seek(timeline.end)
    timeline.step(-1)
    for number in range(_STEPS):
        if number % 10 == 0:
            timeline.step(-chance.randrange(1, 5_000_000))
        if number % 100 == 0:
            timeline.seek(timeline.end)
        started = time.perf_counter()
        timeline.step(-1)
        spent.append((time.perf_counter() - started) * 1e3)
    return sorted(spent)


def _timed_from_end(timeline: Timeline, journey: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and how far it went."""
    timeline.seek(timeline.end)
    before = timeline.steps
    started = time.perf_counter()
    stop = journey()
    spent = time.perf_counter() - started
    assert getattr(stop, "why", None) in (Why.BREAK, Why.WATCH), stop
    return spent, before - timeline.steps


_GO_TO_END = """\
import sys, time
from contextlib import closing
from pathlib import Path
started = time.perf_counter()
from replay.player.timeline import Timeline
from traces.reader import open_trace
with open_trace(sys.argv[1]) as trace, closing(Timeline(trace, kept=Path(sys.argv[2]))) as timeline:
    timeline.seek(timeline.end)
    print(time.perf_counter() - started)
"""


def _second_time(trace: Path, kept: Path) -> Figure:
    command = [sys.executable, "-c", _GO_TO_END, str(trace), str(kept)]
    done = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    size = kept.stat().st_size / 2**20
    how = f"a new process; {size:.0f} MiB beside the trace"
    return Figure("to the end of the trace for the second time", sorted(done)[1], "s", 0.5, how)
