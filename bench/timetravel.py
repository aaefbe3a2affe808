"""How fast is time travel over a long computation?"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from bench.bare import BareRun
from bench.figures import Answer, Figure, Samples
from bench.guests import RARE, build_roaming
from replay.engines.ports import Access, Watchpoint
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.player.session import ReplaySession
from replay.player.stops import Break, Direction, Wanted, Watch, Why
from replay.player.symbols import Symbols
from replay.player.timeline import CHECKPOINT_MEMORY, Timeline
from traces.reader import open_trace

_ROUNDS = 47_000_000  # a billion instructions
_QUICK_ROUNDS = 10_000_000
_STEPS, _QUICK_STEPS = 300, 100
_FAR_JUMPS, _QUICK_FAR_JUMPS = 40, 10
_LITTLE_MEMORY = 48 << 20
_MARKER_AT = 4096  # in the variable that it is in


def answer(directory: Path, *, quick: bool) -> Answer:
    """Record once, replay plainly and with positions, then travel."""
    guest, trace = build_roaming(directory), directory / "roaming.mp"
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    _record(guest, trace, rounds)
    symbols = Symbols(guest.read_bytes())
    figures = _speeds(guest, trace, rounds, times=1 if quick else 3)
    figures += _steps(trace, quick=quick)
    figures += _searches(trace, symbols, targets=1 if quick else RARE)
    figures += _in_little_memory(trace)
    kept = directory / "roaming.checkpoints"
    with _at_end(trace, kept=kept) as timeline:
        instructions = timeline.steps
        figures.append(_memory("memory for checkpoints", timeline, CHECKPOINT_MEMORY))
    figures.append(_second_time(trace, kept))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(Figure("memory of the whole process, at most", peak, "MiB"))
    return Answer(
        __doc__ or "", figures, f"{instructions:,} instructions and events, all over 4 MiB."
    )


def _record(guest: Path, trace: Path, rounds: int) -> None:
    program = "from replay.cli.record import main; main()"
    command = [sys.executable, "-c", program, "-q", "-o", str(trace), str(guest), str(rounds)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _at_end(
    trace: Path, *, memory: int = CHECKPOINT_MEMORY, kept: Path | None = None
) -> Iterator[Timeline]:
    """A timeline of its own, which has gone to the end: no journey before has prepared anything."""
    with (
        open_trace(trace) as opened,
        closing(Timeline(opened, checkpoint_memory=memory, kept=kept)) as timeline,
    ):
        timeline.seek(timeline.end)
        yield timeline


# ---- forward


def _speeds(guest: Path, trace: Path, rounds: int, *, times: int) -> list[Figure]:
    speed = Samples()
    for _ in range(times):
        speed.add("bare", _bare(guest, trace, rounds))
        speed.add("plain", _plain(trace))
        speed.add("timeline", _with_checkpoints(trace))
    return [
        Figure(
            f"speed with positions and checkpoints / {what}",
            1 / speed.ratio("timeline", base),
            "x",
            goal,
            f"{speed.spread(base)}; {speed.spread('timeline')} s",
            is_least=True,
        )
        for what, base, goal in (
            ("Unicorn alone", "bare", 0.85),
            ("plain replay, whose engine goes faster", "plain", None),
        )
    ]


def _bare(guest: Path, trace: Path, rounds: int) -> float:
    with open_trace(trace) as opened:
        mem_bytes = opened.header.machine.mem_size
    bare = BareRun(guest, mem_bytes, command_line=str(rounds).encode())
    started = time.perf_counter()
    bare.run()
    return time.perf_counter() - started


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


# ---- backward


def _steps(trace: Path, *, quick: bool) -> list[Figure]:
    near = _QUICK_STEPS if quick else _STEPS
    far = _QUICK_FAR_JUMPS if quick else _FAR_JUMPS
    with _at_end(trace) as timeline:
        chance = random.Random(1)
        spent = sorted(_near_steps(timeline, chance, near))
        after = sorted(_steps_after_far_jumps(timeline, chance, far))
    how = "in rows of ten, each somewhere else near the end"
    return [
        Figure("reverse-stepi, median", median(spent), "ms", 20, f"{near} times, {how}"),
        Figure("reverse-stepi, p99", spent[near * 99 // 100], "ms", 80),
        Figure("reverse-stepi after a far jump, median", median(after), "ms", 20, f"{far} times"),
        Figure("reverse-stepi after a far jump, longest", after[-1], "ms", 80),
    ]


def _near_steps(timeline: Timeline, chance: random.Random, times: int) -> Iterator[float]:
    """Milliseconds of each."""
    timeline.step(-1)
    for number in range(times):
        if number % 100 == 0:
            timeline.seek(timeline.end)
        if number % 10 == 0:
            timeline.step(-chance.randrange(1, 5_000_000))
        yield _step_back(timeline)


def _steps_after_far_jumps(
    timeline: Timeline, chance: random.Random, times: int
) -> Iterator[float]:
    for _ in range(times):
        timeline.seek(timeline.end)
        timeline.step(-chance.randrange(timeline.steps // 4, timeline.steps - 1))
        yield _step_back(timeline)


def _step_back(timeline: Timeline) -> float:
    started = time.perf_counter()
    timeline.step(-1)
    return (time.perf_counter() - started) * 1e3


def _searches(trace: Path, symbols: Symbols, *, targets: int) -> list[Figure]:
    """Each with a timeline of its own."""
    breaks: list[float] = []
    writes: list[float] = []
    far = 0
    for number in range(targets):
        (rare,) = symbols.functions(f"rare{number}")
        lonely = symbols.variable(f"lonely{number}")
        assert lonely is not None
        watch = Watch(Watchpoint(lonely.address + _MARKER_AT, 8, Access.WRITE))
        for wanted, spent in (
            (Wanted(breaks=(Break(rare.address),)), breaks),
            (Wanted(watches=(watch,)), writes),
        ):
            seconds, far = _search(trace, wanted)
            spent.append(seconds)
    how = f"{far:,} instructions back, longest of {targets}, each in a new timeline"
    return [
        Figure("reverse-continue to a breakpoint", max(breaks), "s", 1, how),
        Figure("last write to a variable", max(writes) * 1e3, "ms", 40, how),
    ]


def _search(trace: Path, wanted: Wanted) -> tuple[float, int]:
    """Seconds, and how far it went."""
    with _at_end(trace) as timeline:
        before, started = timeline.steps, time.perf_counter()
        stop = timeline.run(Direction.BACKWARD, wanted)
        spent = time.perf_counter() - started
        assert stop.why in (Why.BREAK, Why.WATCH), stop
        return spent, before - timeline.steps


# ---- memory


def _in_little_memory(trace: Path) -> list[Figure]:
    """Where the limit is what decides: the most that was in use, looked at after each journey."""
    chance, most = random.Random(2), 0
    with _at_end(trace, memory=_LITTLE_MEMORY) as timeline:
        last = timeline.steps
        journeys: list[Callable[[], object]] = [
            lambda: timeline.step(-chance.randrange(1, 10_000_000)),
            lambda: timeline.step(-1),
            lambda: timeline.step(chance.randrange(1, 10_000_000)),
            lambda: timeline.step(chance.randrange(last) - timeline.steps),
        ]
        for number in range(12):
            journeys[number % len(journeys)]()
            most = max(most, timeline.checkpoint_bytes)
        figure = _memory("memory for checkpoints with a small limit", timeline, _LITTLE_MEMORY)
    return [Figure(figure.name, most / 2**20, "MiB", figure.goal, f"at most; {figure.how}")]


def _memory(what: str, timeline: Timeline, limit: int) -> Figure:
    how = f"{len(timeline.checkpoints())} checkpoints"
    return Figure(what, timeline.checkpoint_bytes / 2**20, "MiB", limit / 2**20, how)


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
