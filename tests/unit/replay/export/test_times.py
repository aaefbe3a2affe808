from __future__ import annotations

from itertools import pairwise

from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.poll import Poll, PollResult
from replay.export.times import FAMILY_OF, EventSpans, EventTimes, Origin, Span
from tests.unit.replay.export.captured import columns_of
from tests.unit.replay.made_traces import Crossing, MakeTrace
from traces.columns import EventColumns
from traces.reader import open_trace

CONSOLE: Crossing = (ConsoleWrite(b"x"), DONE)


def reading(ns: int) -> Crossing:
    return MONOTONIC_CLOCK, ClockReading(ns)


def wait(timeout_ns: int) -> Crossing:
    return Poll(timeout_ns), PollResult(0)


def columns(make_trace: MakeTrace, *crossings: Crossing) -> EventColumns:
    with open_trace(make_trace(crossings)) as trace:
        return columns_of(trace)


def spans(make_trace: MakeTrace, *crossings: Crossing, most: int | None = None) -> list[Span]:
    found = EventSpans(columns(make_trace, *crossings))
    return [found.span(event, most) for event in range(len(crossings))]


def test_the_wall_clock_is_the_date(make_trace: MakeTrace) -> None:
    times = EventTimes(
        columns(make_trace, reading(10), (WALL_CLOCK, ClockReading(5000)), reading(40)), 900
    )
    assert times.origin is Origin.WALL
    assert [times.since_start(event) for event in range(3)] == [0, 0, 30]
    assert [times.date(event) for event in range(3)] == [5000, 5000, 5030]
    assert times.date(99) == 5030, "events without columns are as the last"


def test_else_the_recording_has_a_date(make_trace: MakeTrace) -> None:
    found = columns(make_trace, reading(10), reading(40))
    assert EventTimes(found, 900).origin is Origin.RECORDED
    assert EventTimes(found, 900).date(1) == 930
    assert EventTimes(found, 900).wall(1) is None
    assert EventTimes(found, None).origin is Origin.NONE
    assert EventTimes(found, None).date(1) == 30


def test_a_trace_without_events() -> None:
    times = EventTimes(EventColumns(), None)
    assert (times.since_start(0), times.date(0), times.origin) == (0, 0, Origin.NONE)


def test_calls_stand_at_even_distances(make_trace: MakeTrace) -> None:
    found = spans(make_trace, reading(100), reading(101), CONSOLE, reading(40_101))
    assert found[2:] == [Span(19_001, 20_001), Span(39_001, 40_001)]


def test_a_wait_has_what_the_others_leave(make_trace: MakeTrace) -> None:
    found = spans(make_trace, reading(0), reading(1), CONSOLE, wait(10**6), reading(50_001))
    assert found[2:] == [Span(1, 1001), Span(1001, 49_001), Span(49_001, 50_001)]


def test_a_wait_was_no_longer_than_it_was_meant_to_be(make_trace: MakeTrace) -> None:
    crossings = (reading(0), reading(1), wait(5000), CONSOLE, wait(5000), reading(50_001))
    found = spans(make_trace, *crossings, most=5000)
    assert found[2:] == [
        Span(1, 5001),
        Span(5001, 6001),
        Span(6001, 11_001),
        Span(49_001, 50_001),
    ]


def test_spans_never_overlap(make_trace: MakeTrace) -> None:
    crossings = [reading(0), reading(7), CONSOLE, CONSOLE, wait(9), CONSOLE, reading(9), CONSOLE]
    found = spans(make_trace, *crossings)
    assert all(span.start_ns <= span.end_ns for span in found)
    assert all(one.end_ns <= other.start_ns for one, other in pairwise(found))


def test_without_a_clock_events_are_counted(make_trace: MakeTrace) -> None:
    found = EventSpans(columns(make_trace, CONSOLE, CONSOLE))
    assert found.is_counted
    assert found.span(1) == Span(1000, 2000)


def test_every_call_has_a_family() -> None:
    assert FAMILY_OF["NetRead"] == "net"
    assert FAMILY_OF["WaitReady"] == "poll"
