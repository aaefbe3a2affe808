"""Runs that change from engine to engine, at every event, end where they end on one engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle

import pytest

from monitors.calls import Call, Result
from replay.engines.registry import COUNTING_ENGINE
from replay.machine.digest import machine_digest
from replay.machine.handover import hand_over
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.machine.position import Position
from replay.player.session import ReplaySession
from replay.testing.digests import DigestCheck, entry_count
from tests.conformance.platforms import PLATFORMS, Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import open_trace

RUNS = (
    "hello-hello",
    "time-short",
    "tls-default",
    "exception-default",
    "ssp-default",
    "compute-default",
    "fpu-default",
    "simd-default",
)
POSITIONED = ("hello-hello", "fpu-default", "exception-default")
CHANGES_MAX = 120
"""In longer runs they are spread evenly."""


def _counts(trial: Trial) -> bool:
    """Whether a platform's engine does itself what others make a detour for."""
    return trial.platform.engine == COUNTING_ENGINE


class Relay:
    """An observer that gives the machine to the next platform's engine."""

    def __init__(self, machine: Machine, platforms: Sequence[Platform], every: int) -> None:
        self.changes = 0
        self._machine = machine
        self._platforms = cycle(platforms)
        self._every = every

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if index % self._every == 0:
            platform = next(self._platforms)
            with platform.selected():
                hand_over(self._machine, platform.make_engine)
            self.changes += 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "trial", [t for t in trials_of(*RUNS) if t.platform == reference_of(t.platform)], ids=str
)
def test_engines_change_at_every_event(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name)
    recording = studio.recording(trial)
    log = recording.log.read_bytes()
    helpers: list[tuple[Relay, DigestCheck]] = []

    def observers(machine: Machine) -> Sequence[Observer]:
        helpers.append((Relay(machine, others, every), DigestCheck(machine, log)))
        return helpers[0]

    every = 1 + recording.events // CHANGES_MAX
    others = _platforms_beside(trial)
    with open_trace(recording.trace) as trace, ExitStack() as stack:
        with trial.platform.selected():
            session = ReplaySession(trace, trial.platform.make_engine(), observers=observers)
        stack.callback(session.close)
        replayed = session.run()
    relay, check = helpers[0]
    assert replayed.ending == recording.ending
    assert replayed.position.event == recording.events
    assert check.compared == entry_count(log) > 0
    assert relay.changes >= min(recording.events, CHANGES_MAX) // 2 > 0


@pytest.mark.slow
@pytest.mark.parametrize("trial", [t for t in trials_of(*POSITIONED) if not _counts(t)], ids=str)
def test_an_engine_that_does_not_count_finds_positions_all_the_same(
    studio: Studio, trial: Trial
) -> None:
    """By way of one that counts, from which it takes the run over again."""
    require(trial.platform, trial.program.name)
    reference = Trial(reference_of(trial.platform), trial.program, trial.case)
    recording = studio.recording(reference)
    ends: list[object] = []
    for platform in (trial.platform, reference.platform):
        with open_trace(recording.trace) as trace, platform.selected(), ExitStack() as stack:
            session = ReplaySession(trace, platform.make_engine())
            stack.callback(session.close)
            states = []
            for event in range(0, recording.events, 3):
                for count in (3, 7):
                    position = Position(event, count)
                    assert session.run(position).position == position
                    states.append(machine_digest(session.machine))
            ends.append((states, session.run(), machine_digest(session.machine)))
    assert ends[0] == ends[1]


def _platforms_beside(trial: Trial) -> list[Platform]:
    """The platforms of the same target that work here, the reference last."""
    ours = [p for p in PLATFORMS if p.target == trial.platform.target and not p.why_unavailable()]
    return [*ours[1:], ours[0]]
