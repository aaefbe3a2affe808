from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, ClockReading
from monitors.calls.poll import Poll, PollResult
from traces.columns import EventColumns, kinds_named, scan
from traces.events import Event
from traces.framing import EVENTS
from traces.limits import BLOCK_BYTES
from traces.lookup import EventLookup, Unreadable
from traces.reader import Trace, open_trace
from traces.writer import TraceWriter

MakeTrace = Callable[..., Path]

POLLED = (Poll(5), PollResult(0))
POLL_BYTES = b"\x93\x04\x05\x00"


def columns_of(trace: Trace) -> EventColumns:
    columns = EventColumns()
    for chunk in scan(trace):
        columns.extend(chunk)
    return columns


def clocks(count: int) -> list[tuple]:
    return [(MONOTONIC_CLOCK, ClockReading(1000 + n * n)) for n in range(count)]


def with_blocks(path: Path, header: object, *blocks: tuple[bytes, int]) -> Path:
    with TraceWriter(path, header, None, flush_interval_s=None, clock=float) as writer:  # type: ignore[arg-type]
        for payload, count in blocks:
            writer.append_block(payload, count)
    return path


def break_block(path: Path, number: int) -> None:
    """Change a byte of the payload of a block of events."""
    with open_trace(path) as trace:
        heads = [head for head in trace.blocks() if head.tag == EVENTS]
    data = bytearray(path.read_bytes())
    data[heads[number].payload_offset_bytes + 3] ^= 0xFF
    path.write_bytes(data)


@settings(max_examples=30)
@given(data=st.data())
def test_any_event_is_that_of_a_stream(
    crossings: SearchStrategy, data: st.DataObject, tmp_path_factory, make_header: Callable
) -> None:
    run = data.draw(st.lists(st.tuples(crossings, st.booleans()), max_size=20))
    path = tmp_path_factory.mktemp("lookup") / "a.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as writer:
        for crossing, cut in run:
            writer.append(*crossing)
            if cut:
                writer.flush()
    order = data.draw(st.permutations(range(len(run))))
    with open_trace(path) as trace:
        every = list(trace.events())
        for lookup in (EventLookup(trace), EventLookup(trace, columns_of(trace))):
            assert [lookup.event(n) for n in order] == [every[n] for n in order]
            for begin in range(len(run) + 1):
                assert list(lookup.events(begin, len(run) + 5)) == every[begin:]


@pytest.mark.parametrize("scanned", [False, True])
def test_readings_are_right_in_the_midst_of_a_block(make_trace: MakeTrace, scanned: bool) -> None:
    with open_trace(make_trace(clocks(1000), per_block=1000)) as trace:
        lookup = EventLookup(trace, columns_of(trace) if scanned else None)
        for n in (999, 0, 63, 64, 65, 500, 127, 128, 998):
            assert lookup.event(n).result == ClockReading(1000 + n * n)
        (event,) = lookup.events(700, 701)
        assert event.result == ClockReading(1000 + 700 * 700)


def test_events_of_some_kinds(make_trace: MakeTrace) -> None:
    run = [crossing for clock in clocks(50) for crossing in (clock, POLLED)]
    with open_trace(make_trace(run, per_block=7)) as trace:
        lookup = EventLookup(trace)
        found = list(lookup.events(11, 90, kinds_named(["Poll"])))
        assert [event.index for event in found] == list(range(11, 90, 2))
        found = list(lookup.events(11, 90, kinds_named(["MonotonicClock"])))
        assert [event.result.ns - 1000 for event in found] == [n * n for n in range(6, 45)]


def test_large_events(make_trace: MakeTrace) -> None:
    data = bytes(3 * BLOCK_BYTES)
    large = [(BlockRead(1, n, len(data)), BlockData(0, data)) for n in range(8)]
    with open_trace(make_trace([POLLED, *large, POLLED])) as trace:
        lookup = EventLookup(trace)
        assert list(lookup.events(0, 10)) == list(trace.events())
        assert [lookup.event(n).index for n in range(10)] == list(range(10))
        assert sum(block.size for block in lookup._held) <= 4 << 20


def test_a_block_with_a_wrong_checksum(make_trace: MakeTrace) -> None:
    path = make_trace(clocks(60), per_block=10)
    break_block(path, 2)
    with open_trace(path) as trace:
        for lookup in (EventLookup(trace), EventLookup(trace, columns_of(trace))):
            found = list(lookup.events(15, 45))
            assert [type(each) for each in found] == [Event] * 5 + [Unreadable] + [Event] * 15
            assert [each.index for each in found] == [*range(15, 21), *range(30, 45)]
            broken = lookup.event(25)
            assert isinstance(broken, Unreadable)
            assert broken.index == 25
            assert "checksum" in str(broken.why)
            assert lookup.event(31).result == ClockReading(1000 + 31 * 31)


@pytest.mark.parametrize(
    "bad",
    [
        b"\x93\x7f\x00\x00",
        b"\x93\x04\xff\x00",
        b"\x92\x91\x04\x00",
        b"\x90",
        b"\x05",
        b"\xc1",
        b"\x9f\x04\x00",
    ],
)
def test_what_is_no_event_and_what_is_behind(
    tmp_path: Path, make_header: Callable, bad: bytes
) -> None:
    payload = POLL_BYTES * 2 + bad + POLL_BYTES
    path = with_blocks(tmp_path / "a.mp", make_header(), (payload, 4), (POLL_BYTES, 1))
    with open_trace(path) as trace:
        lookup = EventLookup(trace)
        assert [type(lookup.event(n)) for n in (0, 1, 2, 4)] == [Event, Event, Unreadable, Event]
        assert "event 2" in str(lookup.event(2).why)
        found = list(lookup.events(0, 5))
        assert [each.index for each in found] == [0, 1, 2, 4]
        assert isinstance(found[2], Unreadable)
        assert "event 2" in str(found[2].why)


def test_a_block_that_announces_more_than_it_has(tmp_path: Path, make_header: Callable) -> None:
    path = with_blocks(tmp_path / "a.mp", make_header(), (POLL_BYTES * 2, 8), (POLL_BYTES, 1))
    with open_trace(path) as trace:
        lookup = EventLookup(trace)
        found = list(lookup.events(0, 9))
        assert [(type(each), each.index) for each in found] == [
            (Event, 0),
            (Event, 1),
            (Unreadable, 2),
            (Event, 8),
        ]
        assert "event 2" in str(lookup.event(7).why)


def test_an_index_that_lies(make_trace: MakeTrace) -> None:
    with open_trace(make_trace(clocks(60), per_block=10)) as trace:
        heads = [head for head in trace.blocks() if head.tag == EVENTS]
        lookup = EventLookup(trace)
        lookup._listed = lambda index: heads[3].offset_bytes
        assert isinstance(lookup.event(5), Unreadable)
        assert [type(each) for each in lookup.events(5, 20)] == [Unreadable]
        assert lookup.event(45).index == 45


def test_a_trace_that_becomes_longer(make_trace: MakeTrace, tmp_path: Path) -> None:
    whole = make_trace(clocks(60), per_block=10, summary=None)
    data = whole.read_bytes()
    with open_trace(whole) as trace:
        ends = [head.end_bytes for head in trace.blocks() if head.tag == EVENTS]
    path = tmp_path / "growing.mp"
    path.write_bytes(data[: ends[1]])
    with open_trace(path) as trace:
        columns = columns_of(trace)
        lookup = EventLookup(trace, columns)
        assert len(list(lookup.events(0, 99))) == 20
        path.write_bytes(data)
        trace.refresh()
        assert [event.index for event in lookup.events(15, 99)] == list(range(15, 60))
        assert lookup.event(59).result == ClockReading(1000 + 59 * 59)
