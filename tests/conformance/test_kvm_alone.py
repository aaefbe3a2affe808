"""Guests that a host's KVM runs from beginning to end, and what happens to those that it does not.

Kernels that emulate guests know no SSE, so the guests here are built without. Elsewhere KVM runs
all guests alone, and these tests show the same.
"""

from __future__ import annotations

import pytest

from replay.engines.choice import why_unusable
from replay.testing.digests import entry_count
from tests.conformance.elsewhere import replay_elsewhere
from tests.conformance.integers import KVM, UNICORN, IntegerShelf, integer_trials
from tests.conformance.platforms import Platform, Trial, require, trials_of
from tests.conformance.studio import Recording, Studio
from traces.reader import open_trace
from traces.summary import Summary

EXCHANGES = integer_trials()


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("integers")
    return Studio(folder, IntegerShelf(folder))


def _summary(recording: Recording) -> Summary:
    with open_trace(recording.trace) as trace:
        assert trace.summary is not None
        return trace.summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "onto"),
    [(exchange.trial, exchange.onto) for exchange in EXCHANGES],
    ids=map(str, EXCHANGES),
)
def test_integers_replay_on_another_engine(integers: Studio, trial: Trial, onto: Platform) -> None:
    """Recorded on KVM and replayed everywhere, recorded elsewhere and replayed on KVM: with the
    digests of every crossing, and no other engine's help."""
    for platform in (trial.platform, onto):
        require(platform)
    recording = integers.recording(trial)
    assert "unicorn" not in _summary(recording).detail
    replayed = replay_elsewhere(onto, recording, watched=True)
    assert replayed.compared == entry_count(recording.log.read_bytes()) > 0
    assert (replayed.ending, replayed.events) == (recording.ending, recording.events)
    assert replayed.console == recording.console
    assert replayed.notes == ()


@pytest.mark.slow
def test_a_guest_that_kvm_cannot_run_is_carried_on(studio: Studio) -> None:
    """With a note in its trace; and its replay takes the same way."""
    require(KVM)
    if why_unusable("kvm") is None:
        pytest.skip("this host's KVM runs all guests")
    (trial,) = (each for each in trials_of("fpu-default") if each.platform == KVM)
    recording = studio.recording(trial)
    assert "engine unicorn instead of kvm from 0x" in _summary(recording).detail
    replayed = replay_elsewhere(KVM, recording, watched=True)
    assert replayed.compared == entry_count(recording.log.read_bytes())
    assert len(replayed.notes) == 1


def test_a_note_is_for_those_who_change(studio: Studio) -> None:
    (trial,) = (each for each in trials_of("hello-hello") if each.platform == UNICORN)
    require(UNICORN)
    assert _summary(studio.recording(trial)).detail == ""
