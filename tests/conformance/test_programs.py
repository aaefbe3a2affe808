"""Every case of every program on every platform: run, replayed elsewhere, recorded again.

Digests of all registers and memory are compared at every crossing, as far as
`replay.testing.digests.is_logged` has it: runs of more than 2000 crossings have a stride.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.machine.ending import Halted, Misused, Reached
from replay.testing.cases import disappointments, scripted_world
from replay.testing.digests import entry_count, read_log
from replay.testing.replayer import ReplayerProcess
from tests.conformance.matrix import CROSSINGS
from tests.conformance.platforms import Platform, Trial, reference_of, require
from tests.conformance.studio import Studio

Replayers = Callable[[Platform], ReplayerProcess]


@pytest.fixture(autouse=True)
def _supported(trial: Trial) -> None:
    require(trial.platform, trial.program.name)


@pytest.mark.slow
def test_runs_as_it_should(studio: Studio, trial: Trial) -> None:
    recording = studio.recording(trial)
    assert not disappointments(trial.case, recording.ending, recording.console, recording.sent)


@pytest.mark.slow
def test_replays_in_another_process(
    studio: Studio,
    trial: Trial,
    replayer: Replayers,
    record_property: Callable[[str, object], None],
) -> None:
    recording = studio.recording(trial)
    (report,) = replayer(trial.platform).replay(
        trial.platform.engine, recording.trace, log=recording.log
    )
    assert (report.error, report.message) == ("", "")
    assert report.digests_compared == entry_count(recording.log.read_bytes()) > 0
    assert report.position == str(recording.events)
    ended_by_itself = isinstance(recording.ending, Halted | Misused)
    assert report.ending == str(recording.ending if ended_by_itself else Reached())
    assert report.digests_verified >= ended_by_itself
    counts = trial.run_name, recording.events, report.digests_compared
    record_property(CROSSINGS, (trial.platform.target, *counts))


@pytest.mark.slow
def test_recorded_again_gives_equal_bytes(studio: Studio, trial: Trial) -> None:
    """The second time without digests of every crossing, which must not make a difference."""
    first, again = studio.recording(trial), studio.new_file(".mp")
    plan = studio.plan(trial)
    world = scripted_world(trial.case, plan)
    studio.record_from(trial.platform, plan, world, again, case=trial.case)
    assert again.read_bytes() == first.trace.read_bytes()


@pytest.mark.slow
def test_engines_agree(studio: Studio, trial: Trial) -> None:
    """Also of the reference with itself, which is what makes it one."""
    reference = Trial(reference_of(trial.platform), trial.program, trial.case)
    require(reference.platform, trial.program.name)
    ours, theirs = (studio.recording(each) for each in (trial, reference))
    assert (ours.ending, ours.events, ours.console) == (
        theirs.ending,
        theirs.events,
        theirs.console,
    )
    pairs = zip(read_log(ours.log.read_bytes()), read_log(theirs.log.read_bytes()), strict=True)
    assert [(mine, other) for mine, other in pairs if mine != other] == []
