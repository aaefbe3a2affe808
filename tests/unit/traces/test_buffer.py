"""Both buffers give the same bytes; what is special about one of them has a test of its own."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, WaitReady
from monitors.calls.traps import READ_TSC, READ_TSCP, RandomReading, RandomWord, TscReading
from traces.arrays import unpack_events
from traces.buffer import (
    PURE_PYTHON_VARIABLE,
    EventBuffer,
    PythonBuffer,
    Stored,
    new_event_buffer,
)
from traces.codec import EventDecoder, EventEncoder, describe, encode_single
from traces.events import KNOWN
from traces.limits import BLOCK_BYTES
from traces.writer import TraceWriter

needs_compiled = pytest.mark.skipif(
    importlib.util.find_spec("traces._events") is None,
    reason="traces._events was not compiled: there was no C compiler",
)


def _compiled() -> EventBuffer:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(PURE_PYTHON_VARIABLE, raising=False)
        return new_event_buffer()


BUFFERS = [
    pytest.param(PythonBuffer, id="python"),
    pytest.param(_compiled, id="compiled", marks=needs_compiled),
]
MakeBuffer = Callable[[], EventBuffer]

DAY_NS = 86_400 * 10**9
_READINGS = st.sampled_from(
    [0, 1, 31, 32, 33, 127, 128, 129, 255, 256, 2**15, 2**16, 2**31, 2**32, 2**63, 2**64 - 1]
)


@pytest.fixture(params=BUFFERS)
def buffer(request: pytest.FixtureRequest) -> EventBuffer:
    """An empty one of either kind."""
    return request.param()


def store(buffer: EventBuffer, call: object, result: object) -> None:
    """As a writer does it."""
    if buffer.append(call, result) == Stored.UNUSUAL:
        assert buffer.put(encode_single(call, result)) in (Stored.STORED, Stored.FIRST)


@needs_compiled
@given(data=st.data())
def test_both_give_the_bytes_of_the_encoder(crossings: SearchStrategy, data: st.DataObject) -> None:
    run = data.draw(st.lists(crossings, min_size=1, max_size=8))
    encoder, buffers = EventEncoder(), [PythonBuffer(), _compiled()]
    for each in buffers:
        for call, result in run:
            store(each, call, result)
    expected = b"".join(encoder.encode(*crossing) for crossing in run)
    assert [each.take() for each in buffers] == [(expected, 0, len(run))] * 2


@needs_compiled
@given(readings=st.lists(_READINGS, min_size=1, max_size=12))
def test_differences_are_the_same_and_lead_back(readings: list[int]) -> None:
    python, compiled = PythonBuffer(), _compiled()
    for value in readings:
        for call, result in (
            (WALL_CLOCK, ClockReading(value)),
            (MONOTONIC_CLOCK, ClockReading(value ^ 1)),
            (READ_TSC, TscReading(value)),
            (READ_TSCP, TscReading(value, 7)),
        ):
            python.append(call, result)
            compiled.append(call, result)
    payload, _, count = compiled.take()
    assert (payload, 0, count) == python.take()
    decoder = EventDecoder()
    decoded = [decoder.decode(array).result for array in unpack_events(payload)]
    assert [result.ns for result in decoded[::4]] == readings
    assert [result.cycles for result in decoded[3::4]] == readings


@needs_compiled
@given(data=st.binary(max_size=300))
def test_checksums_are_the_same(data: bytes) -> None:
    compiled = _compiled()
    compiled.append(ConsoleWrite(data), DONE)
    assert compiled.take()[0] == EventEncoder().encode(ConsoleWrite(data), DONE)


def test_takes_what_is_pending_and_counts_on(buffer: EventBuffer) -> None:
    assert buffer.append(WALL_CLOCK, ClockReading(1000)) == Stored.FIRST
    assert buffer.append(WALL_CLOCK, ClockReading(1001)) == Stored.STORED
    assert (buffer.pending, buffer.event_count) == (2, 2)
    assert buffer.take()[1:] == (0, 2)
    buffer.skip(10)
    assert (buffer.pending, buffer.event_count) == (0, 12)
    assert buffer.append(WALL_CLOCK, ClockReading(1002)) == Stored.FIRST
    assert buffer.take() == (EventEncoder().encode(WALL_CLOCK, ClockReading(1002)), 12, 1)
    assert buffer.take() == (b"", 13, 0)


def test_nothing_is_skipped_with_events_pending(buffer: EventBuffer) -> None:
    buffer.append(WALL_CLOCK, ClockReading(1))
    with pytest.raises(AssertionError):
        buffer.skip(1)


def test_a_full_block_takes_no_more_and_keeps_its_readings(buffer: EventBuffer) -> None:
    frame = NetRead(1, 1500), NetFrame(0, bytes(1500))
    size = len(encode_single(*frame))
    stored = [buffer.append(*frame) for _ in range(BLOCK_BYTES // size)]
    assert set(stored) == {Stored.FIRST, Stored.STORED}
    assert buffer.append(*frame) == Stored.FULL
    while buffer.append(READ_TSC, TscReading(2**64 - 1)) != Stored.FULL:
        pass
    assert buffer.append(READ_TSC, TscReading(2**64 - 1)) == Stored.FULL
    payload, _, count = buffer.take()
    assert BLOCK_BYTES - 12 < len(payload) <= BLOCK_BYTES
    assert count == buffer.event_count == len(list(unpack_events(payload)))


@needs_compiled
@given(sizes=st.lists(st.integers(0, 70_000), max_size=20))
def test_both_are_full_at_the_same_place(sizes: list[int]) -> None:
    outcomes = []
    for each in (PythonBuffer(), _compiled()):
        run = [(WALL_CLOCK, ClockReading(size * DAY_NS)) for size in sizes]
        frames = [(NetRead(0, size), NetFrame(0, bytes(size))) for size in sizes]
        both = [each.append(*crossing) for crossing in (*frames, *run)]
        outcomes.append((both, each.take()))
    assert outcomes[0] == outcomes[1]


def test_a_large_event_is_a_block_alone(buffer: EventBuffer) -> None:
    size = BLOCK_BYTES + 1
    large = BlockRead(1, 0, size), BlockData(0, bytes(size))
    data = encode_single(*large)
    assert buffer.append(*large) == Stored.FULL
    assert buffer.append(WALL_CLOCK, ClockReading(1)) == Stored.FIRST
    assert buffer.put(data) == Stored.FULL
    buffer.take()
    assert buffer.put(data) == Stored.FIRST
    assert buffer.append(WALL_CLOCK, ClockReading(1)) == Stored.FULL
    assert buffer.put(b"\x92\x01\x01") == Stored.FULL
    assert buffer.take() == (data, 1, 1)
    assert buffer.append(WALL_CLOCK, ClockReading(1)) == Stored.FIRST


def test_closed_is_closed(buffer: EventBuffer) -> None:
    buffer.append(WALL_CLOCK, ClockReading(1))
    buffer.close()
    assert buffer.append(WALL_CLOCK, ClockReading(2)) == Stored.UNUSUAL
    assert buffer.put(b"\x92\x01\x01") == Stored.UNUSUAL
    assert buffer.take()[1:] == (0, 1)


WRONG = [
    (WALL_CLOCK, ClockReading(2**64)),
    (WALL_CLOCK, ClockReading(-1)),
    (WALL_CLOCK, ClockReading(1.5)),
    (WALL_CLOCK, TscReading(1)),
    (WALL_CLOCK, KNOWN),
    (READ_TSCP, TscReading(1, 2**32)),
    (BlockRead(1, 0, 4), BlockData(0, b"abc")),
    (BlockRead(1, 0, 4), BlockData(2, b"abcd")),
    (BlockRead(-1, 0, 4), KNOWN),
    (BlockRead(1, 0, 4), DONE),
    (NetRead(1, 2), NetFrame(0, b"abc")),
    (NetRead(1, 2), NetFrame(0, bytearray(2))),
    (NetWrite(1, b""), IoStatus(4)),
    (NetWrite(1, "text"), IoStatus(0)),
    (Poll(0), PollResult(-1)),
    (Poll(True), PollResult(0)),
    (Poll(0), None),
    (WaitReady(2**31), ReadySet(0, timer_fired=False)),
    (RandomWord(seed=False, bits=16), RandomReading(1 << 16)),
    (RandomWord(seed=False, bits=8), RandomReading(1)),
    (Halt(2**31), DONE),
    (object(), DONE),
]


@pytest.fixture(params=["", "1"], ids=["as built", "python"])
def writer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_header
) -> Iterator[TraceWriter]:
    """One with either buffer."""
    monkeypatch.setenv(PURE_PYTHON_VARIABLE, request.param)
    path = tmp_path / "a.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as made:
        yield made


@pytest.mark.parametrize(("call", "result"), WRONG)
def test_what_no_call_can_have_is_our_mistake(
    writer: TraceWriter, call: object, result: object
) -> None:
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        writer.append(call, result)
    assert writer.event_count == 0


@needs_compiled
def test_wrong_objects_are_refused() -> None:
    compiled = _compiled()
    kind = type(compiled)
    unset = object.__new__(ClockReading)
    assert compiled.append(WALL_CLOCK, unset) == Stored.UNUSUAL
    for arguments in ((), (1,), (1, 2, 3)):
        with pytest.raises(TypeError):
            compiled.append(*arguments)
    for data in (None, "x", bytearray(1)):
        with pytest.raises(TypeError):
            compiled.put(data)
    with pytest.raises((TypeError, OverflowError)):
        compiled.skip(-1)
    for rows in ([], (1,), ((1, 2, 3),), ((1, (Misuse, 1), (Misuse,)),), ((99, (int,), (int,)),)):
        with pytest.raises((TypeError, ValueError)):
            kind(rows, int)
    twice = (1, (Poll, vars(Poll)["timeout_ns"]), (Poll,))
    with pytest.raises(ValueError):
        kind((twice, twice), int)
    with pytest.raises(TypeError):
        kind(((1, (Poll, vars(PollResult)["ready_set"]), (Poll,)),), int)


@needs_compiled
def test_nothing_is_kept_alive() -> None:
    data = bytes(BLOCK_BYTES + 1)
    compiled = _compiled()
    compiled.put(data)
    taken = compiled.take()[0]
    assert taken is data
    compiled.put(data)
    del compiled, taken
    gc.collect()
    assert len(gc.get_referrers(data)) <= 1


def test_the_variable_keeps_the_compiled_one_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE_PYTHON_VARIABLE, "1")
    assert type(new_event_buffer()) is PythonBuffer


def test_descriptions_survive_either_way(buffer: EventBuffer, run: tuple) -> None:
    for crossing in run:
        store(buffer, *crossing)
    decoder = EventDecoder()
    events = [decoder.decode(array) for array in unpack_events(buffer.take()[0])]
    assert [(event.call, event.result) for event in events] == [
        (describe(call), result) for call, result in run
    ]
