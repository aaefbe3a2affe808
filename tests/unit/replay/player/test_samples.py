from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

import pytest

from replay.player.samples import Called, Sampling, Stack, _place, plan_sampling, take_samples
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace


@contextmanager
def timeline(recorder: Recorder, program: str, *args: str) -> Iterator[Timeline]:
    recording = recorder.record(program, *args)
    with open_trace(recording.path) as trace, closing(Timeline(trace)) as made:
        yield made


def sampled(made: Timeline, every: int | None = None) -> tuple[Sampling, list[Stack]]:
    sampling = plan_sampling(made, every)
    assert sampling is not None
    return sampling, list(take_samples(made, sampling, Symbols(made.guest)))


def test_places_are_in_their_shares() -> None:
    sampling = Sampling(every=100, steps=1050)
    assert sampling.count == 11
    places = [_place(number, sampling) for number in range(11)]
    assert [place // 100 for place in places] == list(range(11))
    assert len({place % 100 for place in places}) > 5, "not at one place of a loop"
    assert places[-1] < 1050
    assert [_place(number, Sampling(1, 5)) for number in range(5)] == [0, 1, 2, 3, 4]


def test_a_guest_that_ends(recorder: Recorder) -> None:
    with timeline(recorder, "hello") as made:
        sampling, stacks = sampled(made, 50)
        assert sampling.steps > 1000
        assert len(stacks) == sampling.count
        again = sampled(made, 50)[1]
    assert stacks == again
    assert {stack[0] for stack in stacks[20:-1]} == {Called("_start")}
    assert any(Called("solo5_app_main") in stack for stack in stacks)


@pytest.mark.slow
def test_shares_are_those_of_all_instructions(recorder: Recorder) -> None:
    """Few samples against one at every instruction."""
    with timeline(recorder, "compute", "1") as made:
        sampling, stacks = sampled(made)
        assert 4900 <= sampling.count <= 5100
        few = Counter(stack[-1].function for stack in islice(stacks, 0, None, 5))
    all_ = Counter(stack[-1].function for stack in stacks)
    for name, count in all_.most_common(3):
        assert few[name] / few.total() == pytest.approx(count / all_.total(), abs=0.03), name


def test_inlined_calls_are_told(recorder: Recorder) -> None:
    with timeline(recorder, "compute", "1") as made:
        _, stacks = sampled(made, 100_000)
    assert any(called.is_inlined for stack in stacks for called in stack)


def test_interruption(recorder: Recorder) -> None:
    with timeline(recorder, "hello") as made:
        sampling = plan_sampling(made, 50)
        assert sampling is not None
        told: list[int] = []
        step = made.step

        def interrupted_step(count: int) -> object:
            if len(told) == 3:
                # As from another thread, while the journey is under way.
                made._replay.begin = made._replay.interrupt  # type: ignore[method-assign]
            return step(count)

        made.step = interrupted_step  # type: ignore[method-assign,assignment]
        stacks = list(take_samples(made, sampling, Symbols(made.guest), told.append))
    assert len(stacks) == 3
    assert told == [1, 2, 3]
