"""What is recorded on one engine replays on every other, with equal digests at every crossing.

Every case of every program, for each ordered pair of engines that run its target. Programs that
KVM runs without help, on hosts that emulate guests too, are those of ``test_kvm_alone``.
"""

from __future__ import annotations

from contextlib import closing
from functools import cache

import pytest

from replay.engines.agents import HasAgent
from replay.engines.registry import engine_factory
from replay.machine.ending import Halted, Misused, Reached
from replay.testing.digests import DigestDifference, entry_count
from tests.conformance.elsewhere import Elsewhere, replay_elsewhere
from tests.conformance.platforms import (
    PLATFORMS,
    Platform,
    Trial,
    engines_for,
    reference_of,
    references,
    require,
    trials_of,
)
from tests.conformance.studio import Recording, Studio


@pytest.mark.slow
def test_replays_on_another_engine(studio: Studio, trial: Trial, onto: Platform) -> None:
    """Watched at every crossing; and a program's first case also unwatched, where an agent answers
    the guest that nobody looks at."""
    for platform in (trial.platform, onto):
        require(platform, trial.program.name)
    recording = studio.recording(trial)
    compared = entry_count(recording.log.read_bytes())
    watched = replay_elsewhere(onto, recording, watched=True)
    assert watched.compared == compared > 0
    _assert_like(watched, recording)
    is_first = trial.case == trial.program.cases(onto.target)[0]
    if is_first and trial.platform == reference_of(onto) and _has_agent(onto.engine):
        _assert_like(replay_elsewhere(onto, recording, watched=False), recording)


@cache
def _has_agent(name: str) -> bool:
    with closing(engine_factory(name)()) as engine:
        return isinstance(engine, HasAgent)


def _assert_like(replayed: Elsewhere, recording: Recording) -> None:
    ended_by_itself = isinstance(recording.ending, Halted | Misused)
    assert replayed.ending == (recording.ending if ended_by_itself else Reached())
    assert replayed.events == recording.events
    assert replayed.console == recording.console
    assert replayed.verified >= ended_by_itself


@pytest.mark.parametrize("name", ["hello-hello", "clocks-wall"])
def test_a_recording_of_another_state_is_noticed(studio: Studio, name: str) -> None:
    """In the first, a middle and the last crossing."""
    (trial,) = (each for each in trials_of(name) if each.platform == PLATFORMS[0])
    require(trial.platform)
    recording = studio.recording(trial)
    log = recording.log.read_bytes()
    for index in (0, recording.events // 2, recording.events - 1):
        spoiled = studio.new_file(".log")
        spoiled.write_bytes(_with_other_byte(log, index))
        other = Recording(recording.trace, spoiled, recording.events, recording.ending, b"", [])
        with pytest.raises(DigestDifference) as caught:
            replay_elsewhere(trial.platform, other, watched=True)
        assert caught.value.index == index


def _with_other_byte(log: bytes, index: int) -> bytes:
    """The last byte of an entry's memory digest is another."""
    at = (index + 1) * (len(log) // entry_count(log)) - 1
    return log[:at] + bytes([log[at] ^ 1]) + log[at + 1 :]


def test_every_target_has_engines_to_exchange_with() -> None:
    engines = {each.target: [p.engine for p in engines_for(each.target)] for each in references()}
    assert engines == {"hvt": ["unicorn", "native", "kvm"], "spt": ["unicorn", "native"]}
