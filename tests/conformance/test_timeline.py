"""Time travel: whatever way leads to a position, the guest there is that of a straight replay."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.engines.registry import COUNTING_ENGINE
from replay.machine.digest import memory_digest, register_digest
from replay.machine.position import Position
from replay.player import checkpoint, rewind
from replay.player import kept as kept_checkpoints
from replay.player import timeline as timelines
from replay.player.stops import Break, Direction, Stop, Wanted, Watch, Why
from replay.player.timeline import Timeline
from tests.conformance.platforms import Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = (
    "hello-hello",
    "flaky-corrupt",
    "exception-default",
    "blkcalls-read",
    "fpu-default",
    "net-pings",
    "rdtscp-offered",
    "zeropage-default",
    "xnow-default",
)
SAMPLES, JOURNEYS, JOURNEYS_OF_VARIANTS = 30, 90, 25
WINDOW = 2500
"""The last steps of a run, so many, are looked at one by one."""
CADENCE = 3000
NEVER = 1 << 60

BACK, ON = Direction.BACKWARD, Direction.FORWARD


@dataclass(frozen=True, slots=True)
class Moment:
    """A place on a straight replay, and what the guest is like there."""

    steps: int
    position: Position
    registers: bytes
    memory: bytes


@dataclass(slots=True)
class Model:
    """What replays that never go back have seen: moments of the whole run, both ends among them,
    and position and RIP of each of its last steps."""

    moments: list[Moment]
    steps: list[tuple[Position, int]]


def travellers(*runs: str) -> list[Trial]:
    """The trials whose engine can travel; the others replay on it."""
    return [each for each in trials_of(*runs) if each.platform.engine == COUNTING_ENGINE]


def journeys_of(platform: Platform) -> int:
    """A variant of an engine is slower, and like it but for its callbacks."""
    return JOURNEYS_OF_VARIANTS if platform.environment else JOURNEYS


def moment(timeline: Timeline) -> Moment:
    """Where a timeline stands."""
    ram = timeline._replay.machine.ram
    registers = register_digest(timeline.registers())
    return Moment(timeline.steps, timeline.position, registers, memory_digest(ram))


@contextmanager
def travelling(
    platform: Platform, trace: Path, cadence: int, kept: Path | None = None
) -> Iterator[Timeline]:
    with pytest.MonkeyPatch.context() as patch, platform.selected(), open_trace(trace) as opened:
        for module in (checkpoint, rewind, timelines):
            patch.setattr(module, "CADENCE", cadence)
        for module in (checkpoint, kept_checkpoints):
            patch.setattr(module, "FAR_CADENCE", 2 * cadence)
        patch.setattr(checkpoint, "_NEAR", 10 * cadence)
        timeline = Timeline(opened, kept=kept)
        try:
            yield timeline
        finally:
            timeline.close()


@pytest.fixture
def trace(studio: Studio, trial: Trial) -> Path:
    require(trial.platform, trial.program.name)
    return studio.recording(_by_reference(trial)).trace


def _by_reference(trial: Trial) -> Trial:
    return Trial(reference_of(trial.platform), trial.program, trial.case)


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """Those made so far; variants of an engine are compared with that of the reference."""
    return {}


def _model_of(trial: Trial, models: dict[str, Model]) -> Model:
    return models.setdefault(str(_by_reference(trial)), Model([], []))


@pytest.fixture
def moments(trial: Trial, trace: Path, models: dict[str, Model]) -> list[Moment]:
    """Some places of the run."""
    model = _model_of(trial, models)
    if not model.moments:
        model.moments = straight(reference_of(trial.platform), trace)
    return model.moments


@pytest.fixture
def steps(trial: Trial, trace: Path, models: dict[str, Model]) -> list[tuple[Position, int]]:
    """Position and RIP of each of the last steps of the run."""
    model = _model_of(trial, models)
    if not model.steps:
        model.steps = last_steps(reference_of(trial.platform), trace)
    return model.steps


def straight(platform: Platform, trace: Path) -> list[Moment]:
    """Some moments of a replay that never goes back: both ends, and chosen at random."""
    chance = random.Random(2)
    with travelling(platform, trace, NEVER) as timeline:
        timeline.seek(timeline.end)
        last = timeline.steps
    places = sorted({0, 1, 2, last - 1, last, *(chance.randrange(last) for _ in range(SAMPLES))})
    found = []
    with travelling(platform, trace, NEVER) as timeline:
        for place in places:
            timeline.step(place - timeline.steps)
            found.append(moment(timeline))
        assert len(timeline.checkpoints()) == 1
    return found


def last_steps(platform: Platform, trace: Path) -> list[tuple[Position, int]]:
    """What a replay sees that goes on step by step."""
    found = []
    with travelling(platform, trace, NEVER) as timeline:
        timeline.seek(timeline.end)
        timeline.step(-WINDOW)
        while timeline.position < timeline.end:
            found.append((timeline.position, timeline.registers()["rip"]))
            timeline.step(1)
    assert len(found) == WINDOW
    return found


@pytest.mark.slow
@pytest.mark.parametrize("trial", travellers(*RUNS), ids=str)
def test_all_ways_to_a_position_lead_to_the_same_guest(
    trial: Trial, trace: Path, moments: list[Moment]
) -> None:
    chance = random.Random(3)
    with travelling(trial.platform, trace, CADENCE) as timeline:
        for number in range(journeys_of(trial.platform)):
            goal = chance.choice(moments)
            travel(timeline, goal, chance.randrange(4))
            assert moment(timeline) == goal, (number, goal.position)
        assert len(timeline.checkpoints()) >= min(3, moments[-1].steps // CADENCE)


def travel(timeline: Timeline, goal: Moment, way: int) -> None:
    """Go to a moment in one of several ways."""
    if way == 0:
        timeline.seek(goal.position)
    elif way == 1:
        timeline.step(goal.steps - timeline.steps)
    elif way == 2:
        direction = ON if goal.position >= timeline.position else BACK
        timeline.run(direction, Wanted(until=goal.position))
    else:
        timeline.seek(timeline.end if goal.steps % 2 else timeline.start)
        timeline.run(BACK if goal.steps % 2 else ON, Wanted(until=goal.position))


@pytest.mark.slow
@pytest.mark.parametrize("trial", travellers("hello-hello", "exception-default"), ids=str)
def test_breakpoints_in_both_directions(
    trial: Trial, trace: Path, steps: list[tuple[Position, int]]
) -> None:
    chance = random.Random(4)
    codes = sorted({rip for _, rip in steps})
    with travelling(trial.platform, trace, CADENCE) as timeline:
        here = 0
        timeline.seek(steps[here][0])
        for number in range(2 * journeys_of(trial.platform)):
            chosen = set(chance.sample(codes, chance.choice((1, 1, 3))))
            condition = (lambda _: True) if number % 5 == 0 else None
            breaks = [Break(address, condition) for address in chosen]
            direction = chance.choice((ON, BACK))
            here = expected(steps, here, direction, chosen)
            edge = steps[-1 if direction is ON else 0][0]
            stop = timeline.run(direction, Wanted(breaks=breaks, until=edge))
            assert stop.position == steps[here][0], (number, stop)
            assert stop.why is Why.BREAK or here in (0, len(steps) - 1)
            if number % 7 == 0:
                here = chance.randrange(len(steps))
                timeline.seek(steps[here][0])


def expected(
    steps: list[tuple[Position, int]], here: int, direction: Direction, chosen: set[int]
) -> int:
    """The index of the step at which a run stops."""
    if direction is ON:
        ahead = range(here + 1, len(steps))
        return next((at for at in ahead if steps[at][1] in chosen), len(steps) - 1)
    return next((at for at in range(here - 1, -1, -1) if steps[at][1] in chosen), 0)


@pytest.mark.slow
@pytest.mark.parametrize("trial", travellers("hello-hello", "flaky-corrupt"), ids=str)
def test_watched_memory_in_both_directions(
    trial: Trial, trace: Path, steps: list[tuple[Position, int]]
) -> None:
    """Every change that looking at each step shows is a stop, and the way back has the same."""
    first, last = steps[0][0], steps[-1][0]
    with travelling(trial.platform, trace, CADENCE) as timeline:
        timeline.seek(steps[len(steps) // 2][0])
        rsp = timeline.registers()["rsp"] & ~7
        watch = Watch(Watchpoint(rsp - 96, 128, Access.WRITE))
        changes = _changes(timeline, watch.point, first, last)
        onwards = _all_stops(timeline, ON, watch, first, last)
        backwards = _all_stops(timeline, BACK, watch, last, first)
    assert len(changes) >= 3
    assert changes <= {stop.position for stop in onwards}
    assert len(onwards) == len(backwards)
    for on, back in zip(onwards, reversed(backwards), strict=True):
        assert _is_just_before(back.position, on.position), (back, on)


def _changes(
    timeline: Timeline, point: Watchpoint, first: Position, last: Position
) -> set[Position]:
    timeline.seek(first)
    before, found = timeline.read(point.address, point.size), set()
    while timeline.position < last:
        timeline.step(1)
        now = timeline.read(point.address, point.size)
        if now != before:
            found.add(timeline.position)
        before = now
    return found


def _all_stops(
    timeline: Timeline, direction: Direction, watch: Watch, begin: Position, until: Position
) -> list[Stop]:
    timeline.seek(begin)
    wanted, stops = Wanted(watches=(watch,), until=until), []
    while (stop := timeline.run(direction, wanted)).why is Why.WATCH:
        stops.append(stop)
    return stops


def _is_just_before(one: Position, other: Position) -> bool:
    if one.event == other.event:
        return one.instructions + 1 == other.instructions
    return (one.event + 1, other.instructions) == (other.event, 0)


@pytest.mark.slow
@pytest.mark.parametrize("trial", travellers("flaky-corrupt"), ids=str)
def test_events_conditions_and_the_console(trial: Trial, trace: Path) -> None:
    with travelling(trial.platform, trace, CADENCE) as timeline:
        every_tenth = Wanted(event=lambda index, _call, _result: index % 10 == 0)
        assert timeline.run(ON, every_tenth).position == Position(1)
        assert timeline.run(ON, every_tenth).position == Position(11)
        last = timeline.end
        timeline.seek(last)
        text = timeline.console()
        assert timeline.run(BACK, every_tenth).position == Position((last.event - 2) // 10 * 10 + 1)
        assert text.startswith(timeline.console())
        assert timeline.console() != text
        half = len(text) // 2
        stop = timeline.first_time(lambda _: len(timeline.console()) >= half)
        assert stop.why is Why.REACHED
        assert len(timeline.console()) >= half
        timeline.step(-1)
        assert len(timeline.console()) < half


@pytest.mark.parametrize("trial", travellers("hello-hello"), ids=str)
def test_a_diversion_changes_nothing(trial: Trial, trace: Path) -> None:
    with travelling(trial.platform, trace, CADENCE) as timeline:
        timeline.seek(Position(3, 5))
        before, printed = moment(timeline), bytearray()
        diversion = timeline.divert(printed.extend)
        rsp = diversion.registers()["rsp"]
        assert register_digest(diversion.registers()) == before.registers
        assert diversion.write(rsp, b"12345678")
        assert diversion.read(rsp, 8) == b"12345678"
        diversion.set_register("rax", 7)
        assert diversion.registers()["rax"] == 7
        diversion.step(100)
        diversion.close()
        assert moment(timeline) == before
        diversion = timeline.divert(printed.extend)
        stop = diversion.run(Wanted())
        diversion.close()
        assert stop.why is Why.END
        assert b"SUCCESS" in printed
        assert timeline.run(ON, Wanted()).why is Why.END


@pytest.mark.parametrize("trial", travellers("hello-hello"), ids=str)
def test_the_next_session_begins_where_this_one_was(
    trial: Trial, trace: Path, tmp_path: Path
) -> None:
    kept, ends = tmp_path / "kept", []
    for session in range(2):
        with travelling(trial.platform, trace, CADENCE, kept) as timeline:
            assert len(timeline.checkpoints()) > 1 if session else not kept.exists()
            timeline.seek(timeline.end)
            ends.append((moment(timeline), timeline.console()))
            timeline.step(-500)
            ends.append((moment(timeline), timeline.console()))
    assert ends[:2] == ends[2:]
