"""Time travel: whatever way leads to a position, the guest there is that of a straight replay."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.engines.ports import Access, KeepsProcessor, NotesHits, Watchpoint
from replay.machine.digest import memory_digest, register_digest
from replay.machine.position import Position
from replay.player import checkpoint, rewind
from replay.player.stops import Break, Direction, Stop, Wanted, Watch, Why
from replay.player.timeline import Timeline
from tests.conformance.platforms import Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = (
    "hello-hello",
    "flaky-corrupt",
    "exception-default",
    "blk-large-blocks",
    "fpu-default",
    "net-pings",
    "rdtscp-offered",
    "zeropage-default",
    "xnow-default",
)
SAMPLES, JOURNEYS, LONGEST = 60, 150, 1_000_000
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


def moment(timeline: Timeline) -> Moment:
    """Where a timeline stands."""
    ram = timeline._replay.machine.ram
    registers = register_digest(timeline.registers())
    return Moment(timeline.steps, timeline.position, registers, memory_digest(ram))


@contextmanager
def travelling(platform: Platform, trace: Path, cadence: int) -> Iterator[Timeline]:
    with pytest.MonkeyPatch.context() as patch, platform.selected(), open_trace(trace) as opened:
        for module in (checkpoint, rewind):
            patch.setattr(module, "CADENCE", cadence)
            patch.setattr(module, "FAR_CADENCE", 4 * cadence)
        patch.setattr(checkpoint, "_NEAR", 10 * cadence)
        timeline = Timeline(opened)
        try:
            yield timeline
        finally:
            timeline.close()


@pytest.fixture
def trace(studio: Studio, trial: Trial) -> Path:
    require(trial.platform, trial.program.name, NotesHits)
    require(trial.platform, trial.program.name, KeepsProcessor)
    reference = reference_of(trial.platform)
    return studio.recording(Trial(reference, trial.program, trial.case)).trace


def straight(platform: Platform, trace: Path) -> list[Moment]:
    """Some moments of a replay that never goes back: both ends, and chosen at random."""
    chance = random.Random(2)
    with travelling(platform, trace, NEVER) as timeline:
        timeline.seek(timeline.end)
        last = timeline.steps
    places = sorted({0, 1, 2, last - 1, last, *(chance.randrange(last) for _ in range(SAMPLES))})
    moments = []
    with travelling(platform, trace, NEVER) as timeline:
        for steps in places:
            timeline.step(steps - timeline.steps)
            moments.append(moment(timeline))
        assert len(timeline.checkpoints()) == 1
    return moments


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_all_ways_to_a_position_lead_to_the_same_guest(trial: Trial, trace: Path) -> None:
    moments = straight(trial.platform, trace)
    if moments[-1].steps > LONGEST:
        pytest.skip(f"{moments[-1].steps} steps are too many for so many journeys")
    chance = random.Random(3)
    with travelling(trial.platform, trace, CADENCE) as timeline:
        for number in range(JOURNEYS):
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


@pytest.fixture
def every_instruction(trial: Trial, trace: Path) -> list[tuple[Position, int]]:
    """Position and RIP of every step of the run."""
    found = []
    with travelling(trial.platform, trace, NEVER) as timeline:
        why = Why.REACHED
        while why is not Why.END:
            found.append((timeline.position, timeline.registers()["rip"]))
            why = timeline.step(1).why
    return found


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("hello-hello", "exception-default"), ids=str)
def test_breakpoints_in_both_directions(
    trial: Trial, trace: Path, every_instruction: list[tuple[Position, int]]
) -> None:
    chance = random.Random(4)
    codes = sorted({rip for _, rip in every_instruction})
    with travelling(trial.platform, trace, CADENCE) as timeline:
        here = 0
        for number in range(JOURNEYS):
            chosen = set(chance.sample(codes, chance.choice((1, 1, 3))))
            condition = (lambda _: True) if number % 5 == 0 else None
            wanted = Wanted(breaks=[Break(address, condition) for address in chosen])
            direction = chance.choice((ON, BACK))
            stop = timeline.run(direction, wanted)
            here = expected(every_instruction, here, direction, chosen)
            assert stop.position == every_instruction[here][0], (number, stop)
            is_end = here in (0, len(every_instruction) - 1)
            assert (stop.why is Why.BREAK) or is_end
            if number % 7 == 0:
                here = chance.randrange(len(every_instruction))
                timeline.seek(every_instruction[here][0])


def expected(
    instructions: list[tuple[Position, int]], here: int, direction: Direction, chosen: set[int]
) -> int:
    """The index of the instruction at which a run stops."""
    if direction is ON:
        ahead = range(here + 1, len(instructions) - 1)
        return next((at for at in ahead if instructions[at][1] in chosen), len(instructions) - 1)
    return next((at for at in range(here - 1, -1, -1) if instructions[at][1] in chosen), 0)


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("hello-hello", "flaky-corrupt"), ids=str)
def test_watched_memory_in_both_directions(trial: Trial, trace: Path) -> None:
    """Every change that looking at each step shows is a stop, and the way back has the same."""
    with travelling(trial.platform, trace, CADENCE) as timeline:
        rsp = _stack_in_the_middle(timeline)
        watch = Watch(Watchpoint(rsp - 24, 16, Access.WRITE))
        changes = _changes(timeline, watch.point)
        onwards = _all_stops(timeline, ON, watch)
        backwards = _all_stops(timeline, BACK, watch)
    assert len(changes) >= 3
    assert changes <= {stop.position for stop in onwards}
    assert len(onwards) == len(backwards)
    for on, back in zip(onwards, reversed(backwards), strict=True):
        assert _is_just_before(back.position, on.position), (back, on)


def _stack_in_the_middle(timeline: Timeline) -> int:
    timeline.seek(timeline.end)
    timeline.step(-timeline.steps // 2)
    return timeline.registers()["rsp"] & ~7


def _changes(timeline: Timeline, point: Watchpoint) -> set[Position]:
    timeline.seek(timeline.start)
    before, found = timeline.read(point.address, point.size), set()
    while timeline.step(1).why is not Why.END:
        now = timeline.read(point.address, point.size)
        if now != before:
            found.add(timeline.position)
        before = now
    return found


def _all_stops(timeline: Timeline, direction: Direction, watch: Watch) -> list[Stop]:
    timeline.seek(timeline.start if direction is ON else timeline.end)
    stops = []
    while (stop := timeline.run(direction, Wanted(watches=(watch,)))).why is Why.WATCH:
        stops.append(stop)
    return stops


def _is_just_before(one: Position, other: Position) -> bool:
    if one.event == other.event:
        return one.instructions + 1 == other.instructions
    return (one.event + 1, other.instructions) == (other.event, 0)


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("flaky-corrupt"), ids=str)
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


@pytest.mark.parametrize("trial", trials_of("hello-hello"), ids=str)
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


@pytest.mark.parametrize("trial", trials_of("hello-hello"), ids=str)
def test_the_next_session_begins_where_this_one_was(
    trial: Trial, trace: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    with pytest.MonkeyPatch.context() as patch, trial.platform.selected():
        for module in (checkpoint, rewind):
            patch.setattr(module, "CADENCE", CADENCE)
        patch.setattr(rewind, "FAR_CADENCE", 2 * CADENCE)
        patch.setattr("replay.player.timeline.FAR_CADENCE", CADENCE)
        ends = []
        for session in range(2):
            with open_trace(trace) as opened:
                timeline = Timeline(opened, kept=kept)
                assert len(timeline.checkpoints()) > 1 if session else not kept.exists()
                timeline.seek(timeline.end)
                ends.append((moment(timeline), timeline.console()))
                timeline.step(-500)
                ends.append((moment(timeline), timeline.console()))
                timeline.close()
    assert ends[:2] == ends[2:]
