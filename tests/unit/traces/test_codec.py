from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls import ALL_CALLS
from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import NetFrame, NetRead
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSC, READ_TSCP, TscReading
from traces.codec import EventDecoder, EventEncoder, describe, difference
from traces.errors import BadEvent
from traces.events import KNOWN, BytesDigest, CallRecord

DAY_NS = 86_400 * 10**9
SOME_WALL_TIME = ClockReading(1_790_000_000 * 10**9)


def arrays_of(encoder: EventEncoder, *crossings: tuple) -> list[list]:
    return [msgpack.unpackb(encoder.encode(*crossing), raw=True) for crossing in crossings]


@given(data=st.data())
def test_round_trip_by_decode(crossings: SearchStrategy, data: st.DataObject) -> None:
    run = data.draw(st.lists(crossings, max_size=8))
    arrays = arrays_of(EventEncoder(), *run)
    decoder = EventDecoder()
    for array, (call, result) in zip(arrays, run, strict=True):
        event = decoder.decode(array)
        assert event.call == describe(call)
        assert event.result == result


@given(data=st.data())
def test_match_and_decode_agree(crossings: SearchStrategy, data: st.DataObject) -> None:
    run = data.draw(st.lists(crossings, min_size=1, max_size=8))
    arrays = arrays_of(EventEncoder(), *run)
    matching, decoding = EventDecoder(), EventDecoder()
    for array, (call, result) in zip(arrays, run, strict=True):
        other_call, _ = data.draw(crossings)
        if describe(other_call) != describe(call):
            before = matching.state()
            assert matching.match(array, other_call) is None
            assert matching.state() == before
        assert matching.match(array, call) == result
        decoding.decode(array)
        assert matching.state() == decoding.state()


@given(data=st.data())
def test_fields_appended_by_a_later_minor_version_are_ignored(
    crossings: SearchStrategy, data: st.DataObject
) -> None:
    call, result = data.draw(crossings)
    (array,) = arrays_of(EventEncoder(), (call, result))
    longer = [*array, 7, b"later"]
    assert EventDecoder().decode(longer).result == result
    assert EventDecoder().match(longer, call) == result


_JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.binary(), st.floats()
)


@given(array=st.one_of(st.lists(_JUNK | st.integers(0, 15), max_size=8), _JUNK))
def test_any_array_is_an_event_or_a_typed_error(array: object) -> None:
    calls = (WALL_CLOCK, READ_TSC, READ_TSCP, Poll(0), BlockRead(0, 0, 0), NetRead(0, 0))
    for call in calls:
        try:
            EventDecoder().match(array, call)
        except BadEvent:
            continue
    try:
        event = EventDecoder().decode(array)
    except BadEvent:
        return
    assert str(event.call)


@given(value=st.integers(0, 2**64 - 1), previous=st.integers(0, 2**64 - 1))
def test_differences_fit_64_bits_and_lead_back(value: int, previous: int) -> None:
    delta = difference(value, previous)
    assert -(2**63) <= delta < 2**64
    assert (previous + delta) % 2**64 == value


def test_every_call_has_an_encoding() -> None:
    assert set(EventEncoder().encoders) == set(EventDecoder()._matchers) == set(ALL_CALLS)


def test_clock_events_are_small() -> None:
    encoder = EventEncoder()
    assert len(encoder.encode(WALL_CLOCK, SOME_WALL_TIME)) <= 12
    later = ClockReading(SOME_WALL_TIME.ns + 50_000)
    assert len(encoder.encode(WALL_CLOCK, later)) <= 6


def test_each_kind_of_reading_has_its_own_predecessor() -> None:
    arrays = arrays_of(
        EventEncoder(),
        (WALL_CLOCK, ClockReading(1000)),
        (MONOTONIC_CLOCK, ClockReading(10)),
        (READ_TSC, TscReading(500)),
        (READ_TSCP, TscReading(7, 3)),
        (WALL_CLOCK, ClockReading(990)),
        (MONOTONIC_CLOCK, ClockReading(12)),
        (READ_TSC, TscReading(501)),
        (READ_TSCP, TscReading(9, 3)),
    )
    assert arrays[4:] == [[1, -10], [2, 2], [11, 1], [12, 2, 3]]


def test_reset_stores_the_next_reading_in_full() -> None:
    encoder = EventEncoder()
    encoder.encode(WALL_CLOCK, ClockReading(1000))
    encoder.reset()
    assert arrays_of(encoder, (WALL_CLOCK, ClockReading(1001))) == [[1, 1001]]


def test_restore_goes_back() -> None:
    decoder = EventDecoder()
    state = decoder.state()
    decoder.decode([1, 5])
    decoder.restore(state)
    assert decoder.decode([1, 5]).result == ClockReading(5)


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (WALL_CLOCK, ClockReading(2**64)),
        (MONOTONIC_CLOCK, ClockReading(-1)),
        (BlockRead(1, 0, 4), BlockData(0, b"abc")),
        (BlockRead(1, 0, 4), BlockData(2, b"abcd")),
        (NetRead(1, 2), NetFrame(0, b"abc")),
        (Poll(0), PollResult(-1)),
        (Halt(2**31), DONE),
    ],
)
def test_impossible_results_are_not_recorded(call: object, result: object) -> None:
    with pytest.raises(AssertionError):
        EventEncoder().encode(call, result)


def test_unknown_tag_is_named() -> None:
    with pytest.raises(BadEvent, match="tag 99"):
        EventDecoder().decode([99, 1])


def test_descriptions_show_digests_and_text() -> None:
    assert describe(ConsoleWrite(b"123456789")) == CallRecord(
        "ConsoleWrite", (("data", BytesDigest(9, 0xE3069283)),)
    )
    assert str(describe(Poll(5))) == "Poll(timeout_ns=5)"
    shown = str(describe(Misuse(MisuseKind.INVALID_POINTER, "at 0x10")))
    assert shown == "Misuse(kind='INVALID_POINTER', detail='at 0x10')"


def test_known_block_data_is_a_value_of_its_own() -> None:
    (array,) = arrays_of(EventEncoder(), (BlockRead(1, 512, 512), KNOWN))
    assert array == [5, 1, 512, 512, 0, None]
    assert EventDecoder().match(array, BlockRead(1, 512, 512)) is KNOWN
    with pytest.raises(BadEvent):
        EventDecoder().decode([5, 1, 512, 512, 1, None])
