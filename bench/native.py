"""What do recording and replaying cost on the native engine?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.child import measure, program
from bench.figures import Answer, Figure, Samples
from bench.guests import build_program
from bench.phases import PLAIN, RECORD, REPLAY, interleaved, measure_phase

_ENGINE = "native"
_COMPUTE_GOAL, _HELLO_GOAL_S = 1.02, 0.3
_PURE = {"SOLO5_REPLAY_PURE_PYTHON": "1"}


@dataclass(frozen=True, slots=True)
class _Clock:
    """A clock in a loop of ``calls`` and one of a tenth of these: the difference has no start-up.

    Goals are in microseconds a call, for recording and for replay.
    """

    title: str
    target: str
    word: str
    calls: int
    record_us: float
    replay_us: float | None
    environment: Mapping[str, str]


_CLOCKS = (
    _Clock("spt, a system call", "spt", "wall", 2_000_000, 0.15, 0.15, {}),
    _Clock("hvt, RDTSC", "hvt", "mono", 2_000_000, 0.3, 0.15, {}),
    _Clock("hvt, a hypercall", "hvt", "wall", 2_000_000, 0.15, 0.15, {}),
    _Clock("spt, in pure Python", "spt", "wall", 20_000, 20.0, None, _PURE),
)
_SHORT_CALLS, _SHORT_GOAL_US = 100_000, 0.15


def answer(directory: Path, *, quick: bool) -> Answer:
    """The compute, clocks and hello programs, on the native engine."""
    figures = [*_compute(directory, quick=quick)]
    for clock in _CLOCKS:
        figures += _clock(clock, directory, 2 if quick else 7)
    figures += _short_run(directory, 2 if quick else 7)
    figures += _hello(directory, 3 if quick else 21)
    note = (
        "Processor seconds of the monitor and the guest's process together. A call's time is the "
        "difference of two runs, the longer with ten times the calls, divided by the calls between."
    )
    return Answer(__doc__ or "", figures, note)


def _compute(directory: Path, *, quick: bool) -> list[Figure]:
    guest = build_program("compute", directory)
    work, rounds = ("20", 2) if quick else ("600", 11)
    trace = directory / "native-compute.mp"
    samples, _ = interleaved(guest, work, trace, rounds, engine=_ENGINE)
    return [
        Figure(
            f"compute {work}: {name} / {PLAIN}",
            samples.ratio(name, PLAIN),
            "x",
            _COMPUTE_GOAL,
            f"{samples.spread(name)}; {samples.spread(PLAIN)}",
        )
        for name in (RECORD, REPLAY)
    ]


def _clock(clock: _Clock, directory: Path, rounds: int) -> list[Figure]:
    guest = build_program("clocks", directory, clock.target)
    samples = Samples()
    for _ in range(rounds):
        for mode, name in (("record", RECORD), ("replay", REPLAY)):
            each = _each_us(clock, mode, guest, directory)
            samples.add(name, each)
    goals = {RECORD: clock.record_us, REPLAY: clock.replay_us}
    return [
        Figure(
            f"clock of {clock.title}: {name}, a call",
            samples.median(name),
            "us",
            goal,
            samples.spread(name),
        )
        for name, goal in goals.items()
    ]


def _each_us(clock: _Clock, mode: str, guest: Path, directory: Path) -> float:
    cpu_s, events = [], []
    for calls in (clock.calls // 10, clock.calls):
        trace = directory / f"native-clocks{calls}.mp"
        if mode == "record":
            trace.unlink(missing_ok=True)
        arguments = f"{clock.word} {calls}"
        phase = measure_phase(
            mode, guest, arguments, trace, engine=_ENGINE, environment=clock.environment
        )
        cpu_s.append(phase.cpu_s)
        events.append(phase.events)
    return (cpu_s[1] - cpu_s[0]) / (events[1] - events[0]) * 1e6


def _short_run(directory: Path, rounds: int) -> list[Figure]:
    """A run that is short, with the guest's first steps and the look through its code."""
    guest, trace = build_program("clocks", directory, "spt"), directory / "native-short.mp"
    samples = Samples()
    for _ in range(rounds):
        for name, calls in (("nothing", 0), ("short", _SHORT_CALLS)):
            trace.unlink(missing_ok=True)
            phase = measure_phase("record", guest, f"wall {calls}", trace, engine=_ENGINE)
            samples.add(name, phase.cpu_s)
    added_us = samples.added("short", "nothing") / _SHORT_CALLS * 1e6
    whole_us = samples.median("short") / _SHORT_CALLS * 1e6
    title = f"{_SHORT_CALLS} clock calls on spt, recorded: a call"
    how = f"seconds: {samples.spread('short')}"
    return [
        Figure(f"{title}, beyond a run without any", added_us, "us", _SHORT_GOAL_US, how),
        Figure(f"{title}, with all of the run", whole_us, "us", None, samples.spread("nothing")),
    ]


def _hello(directory: Path, rounds: int) -> list[Figure]:
    """The whole program, from the shell's point of view; the guest's process counts."""
    figures = []
    for target in ("hvt", "spt"):
        guest, trace = build_program("hello", directory, target), directory / "native-hello.mp"
        command = [program("solo5-record"), "-q", "--engine", _ENGINE, "-o", str(trace)]
        samples = Samples()
        for _ in range(rounds):
            trace.unlink(missing_ok=True)
            spent = measure([*command, str(guest), "Hello_Solo5"], directory=directory)
            samples.add("processor", spent.cpu_s)
            samples.add("wall time", spent.wall_s)
        title = f"solo5-record hello.{target}, whole process"
        value = samples.median("processor")
        how = samples.spread("wall time")
        figures.append(Figure(title, value, "s", _HELLO_GOAL_S, how))
    return figures
