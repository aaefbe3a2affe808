from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from monitors.calls.clock import MONOTONIC_CLOCK, ClockReading
from traces.errors import WrongVersion
from traces.header import VERSION
from traces.migrate import (
    MIGRATIONS,
    RELEASES,
    Migrations,
    Step,
    migrate_events,
    migrate_header,
    migrate_summary,
)
from traces.preamble import Preamble
from traces.reader import open_trace


def _rename(values: dict[str, object]) -> dict[str, object]:
    return values | {"options": {"migrated": True}}


def _fail(values: dict[str, object]) -> dict[str, object]:
    return values | {"status": 99}


def _double(arrays: Iterable[list[object]]) -> Iterable[list[object]]:
    for array in arrays:
        yield [array[0], array[1] * 2] if array[0] == 2 else array


FUTURE = Migrations((2, 0), {1: Step(_rename, _fail, _double)})


def test_present_version_needs_no_step() -> None:
    assert MIGRATIONS.plan(Preamble(VERSION, "x")) == ()
    assert MIGRATIONS.plan(Preamble((VERSION[0], 99), "x")) == ()


def test_newer_major_names_the_release_that_reads_it() -> None:
    with pytest.raises(WrongVersion, match=r"7\.3 is newer.*solo5-replay 9\.1\.0"):
        MIGRATIONS.plan(Preamble((7, 3), "solo5-replay 9.1.0"))


def test_older_major_without_a_step_names_the_release_that_reads_it() -> None:
    with pytest.raises(WrongVersion, match=RELEASES[1]):
        Migrations((3, 0), {2: Step(_rename, _fail, _double)}).plan(Preamble((1, 0), "x"))


def test_steps_are_taken_in_order() -> None:
    first = Step(lambda m: m | {"a": 1}, lambda m: m, lambda arrays: arrays)
    second = Step(lambda m: m | {"b": m["a"]}, lambda m: m, _double)
    plan = Migrations((3, 0), {1: first, 2: second}).plan(Preamble((1, 0), "x"))
    assert plan == (first, second)
    assert migrate_header({}, plan) == {"a": 1, "b": 1}
    assert migrate_summary({"status": 0}, plan) == {"status": 0}
    assert list(migrate_events([[2, 5]], plan)) == [[2, 10]]


@pytest.mark.parametrize("finished", [True, False])
def test_a_trace_of_this_version_is_read_by_the_next(
    make_trace: Callable[..., Path], finished: bool
) -> None:
    crossings = [(MONOTONIC_CLOCK, ClockReading(n * 10)) for n in range(1, 20)]
    path = make_trace(crossings) if finished else make_trace(crossings, summary=None)
    with open_trace(path, migrations=FUTURE) as trace:
        assert trace.header.options == {"migrated": True}
        assert [event.result.ns for event in trace.events()] == [n * 20 for n in range(1, 20)]
        stream = trace.stream(12)
        assert stream.match(MONOTONIC_CLOCK) == ClockReading(260)
        assert (trace.summary is not None) == finished
        if trace.summary is not None:
            assert trace.summary.status == 99
