"""Positions inside a stretch between two crossings: the same place and state on every platform."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from monitors.ports import Registers
from replay.engines.ports import CountsInstructions
from replay.machine.digest import memory_digest
from replay.machine.position import Position
from replay.player.errors import BadPosition
from replay.player.session import ReplaySession
from tests.conformance.platforms import Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = (
    "hello-hello",
    "flaky-corrupt",
    "memory-enough",
    "blk-large-blocks",
    "fpu-default",
    "rdtscp-offered",
    "faults-div0",
    "zeropage-default",
    "xnow-default",
)
LONGEST_STRETCH = 200_000
BEYOND_ANY_STRETCH = 1 << 40


class Walker:
    """One recording, gone to positions on one platform; a new machine for each."""

    def __init__(self, platform: Platform, trace: Path) -> None:
        self._platform = platform
        self._trace = trace

    def state_at(self, position: Position) -> tuple[Registers, bytes]:
        with open_trace(self._trace) as trace, self._platform.selected():
            session = ReplaySession(trace, self._platform.make_engine())
            try:
                assert session.run(position).position == position
                return session.machine.engine.registers(), memory_digest(session.machine.ram)
            finally:
                session.close()

    def stretch(self, event: int) -> int:
        """How many instructions lie between two crossings."""
        with open_trace(self._trace) as trace, self._platform.selected():
            session = ReplaySession(trace, self._platform.make_engine())
            try:
                with pytest.raises(BadPosition) as refused:
                    session.run(Position(event, BEYOND_ANY_STRETCH))
                assert refused.value.last is not None
                return refused.value.last.instructions
            finally:
                session.close()


@cache
def chosen_events(count: int) -> tuple[int, ...]:
    """The first stretches, two in the middle, and the last."""
    return tuple(sorted({0, 1, count // 3, 2 * count // 3, count - 1}))


def chosen_counts(length: int) -> tuple[int, ...]:
    """The edges of a stretch and places inside."""
    return tuple(sorted({1, length // 3, length // 2, length - 1, length} - {0, -1}))


@pytest.fixture
def walkers(studio: Studio, trial: Trial) -> tuple[Walker, Walker]:
    """This platform and its reference on the same recording, which the reference made."""
    reference = reference_of(trial.platform)
    for platform in (trial.platform, reference):
        require(platform, trial.program.name, CountsInstructions)
    recording = studio.recording(Trial(reference, trial.program, trial.case))
    return Walker(trial.platform, recording.trace), Walker(reference, recording.trace)


def not_references(trials: list[Trial]) -> list[Trial]:
    """Those that there is something to compare with."""
    return [trial for trial in trials if trial.platform != reference_of(trial.platform)]


@pytest.mark.slow
@pytest.mark.parametrize("trial", not_references(trials_of(*RUNS)), ids=str)
def test_a_position_is_the_same_place_everywhere(
    studio: Studio, trial: Trial, walkers: tuple[Walker, Walker]
) -> None:
    ours, theirs = walkers
    walked = 0
    for event in chosen_events(studio.recording(trial).events):
        length = theirs.stretch(event)
        assert ours.stretch(event) == length
        if length > LONGEST_STRETCH:
            continue
        for count in chosen_counts(length):
            position = Position(event, count)
            assert ours.state_at(position) == theirs.state_at(position), position
            walked += 1
    assert walked >= 4


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("hello-hello", "rdtscp-offered"), ids=str)
def test_every_instruction_of_a_stretch_moves(trial: Trial, walkers: tuple[Walker, Walker]) -> None:
    """Consecutive positions differ in RIP unless a repeated instruction stands still there."""
    ours, _ = walkers
    event = 3
    length = min(ours.stretch(event), 40)
    places = [ours.state_at(Position(event, count))[0] for count in range(length + 1)]
    assert all(before != after for before, after in pairwise(places))


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("hello-hello", "memory-enough"), ids=str)
def test_beyond_the_stretch_there_is_no_position(
    trial: Trial, walkers: tuple[Walker, Walker]
) -> None:
    ours, _ = walkers
    beyond = Position(2, ours.stretch(2) + 1)
    with pytest.raises(BadPosition, match="the next event comes at 2"):
        ours.state_at(beyond)
