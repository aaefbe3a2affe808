"""Both ways give the same numbers; the Python one is the specification."""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Sequence

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSC, READ_TSCP, TscReading
from traces import tags
from traces.buffer import PURE_PYTHON_VARIABLE
from traces.codec import EventDecoder, EventEncoder
from traces.limits import BLOCK_BYTES
from traces.skimming import NO_READINGS, WALL_TOLERANCE_NS, Clock, Skimmed, Skimmer

GHZ = 10**9
needs_compiled = pytest.mark.skipif(
    importlib.util.find_spec("traces._events") is None,
    reason="traces._events was not compiled: there was no C compiler",
)
_READINGS = st.sampled_from(
    [0, 1, 127, 128, 2**16, 2**31, 2**32, 10**18, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
) | st.integers(0, 2**64 - 1)
_CLOCKS = st.one_of(
    st.tuples(st.just(WALL_CLOCK), st.builds(ClockReading, _READINGS)),
    st.tuples(st.just(MONOTONIC_CLOCK), st.builds(ClockReading, _READINGS)),
    st.tuples(st.just(READ_TSC), st.builds(TscReading, _READINGS)),
    st.tuples(st.just(READ_TSCP), st.builds(TscReading, _READINGS, st.just(3))),
)


def in_python(tsc_hz: int = GHZ) -> Skimmer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PURE_PYTHON_VARIABLE, "1")
        return Skimmer(tsc_hz)


def compiled(tsc_hz: int = GHZ) -> Skimmer:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(PURE_PYTHON_VARIABLE, raising=False)
        return Skimmer(tsc_hz)


SKIMMERS = [
    pytest.param(in_python, id="python"),
    pytest.param(compiled, id="compiled", marks=needs_compiled),
]


@pytest.fixture(params=SKIMMERS)
def skimmer(request: pytest.FixtureRequest) -> Skimmer:
    """One of either kind; a cycle is a nanosecond."""
    return request.param()


def encoded(run: Sequence[tuple]) -> bytes:
    encoder = EventEncoder()
    return b"".join(encoder.encode(*crossing) for crossing in run)


def times(skimmed: Skimmed) -> list[int]:
    return array("q", skimmed.times).tolist()


def same(one: Skimmed, other: Skimmed) -> bool:
    """Equal, damage by its words."""
    parts = ("count", "offset", "kinds", "times", "walls", "readings", "clock")
    equal = all(getattr(one, part) == getattr(other, part) for part in parts)
    return equal and str(one.damage) == str(other.damage)


def test_kinds_times_and_state(skimmer: Skimmer, run: tuple) -> None:
    payload = encoded(run)
    skimmed = skimmer.skim(payload, 0, len(run))
    decoder = EventDecoder()
    unpacker = msgpack.Unpacker()
    unpacker.feed(payload)
    arrays = list(unpacker)
    for each in arrays:
        decoder.pass_over(each)
    assert skimmed.kinds == bytes(each[0] for each in arrays)
    assert skimmed.readings == decoder.state()
    assert (skimmed.count, skimmed.offset, skimmed.damage) == (len(run), len(payload), None)


def test_time_goes_on_from_reading_to_reading(skimmer: Skimmer) -> None:
    run = [
        (Poll(1), PollResult(0)),
        (MONOTONIC_CLOCK, ClockReading(1000)),
        (Poll(1), PollResult(0)),
        (MONOTONIC_CLOCK, ClockReading(1500)),
        (MONOTONIC_CLOCK, ClockReading(1400)),
        (READ_TSC, TscReading(70)),
        (READ_TSC, TscReading(90)),
        (READ_TSCP, TscReading(95, 1)),
        (MONOTONIC_CLOCK, ClockReading(1600)),
    ]
    found = times(skimmer.skim(encoded(run), 0, len(run)))
    assert found == [0, 0, 0, 500, 500, 500, 520, 525, 600]


@pytest.mark.parametrize("make", SKIMMERS)
def test_cycles_count_at_the_machines_frequency(make: object) -> None:
    run = [(READ_TSC, TscReading(cycles)) for cycles in (3_000, 6_000, 9_000_000_000)]
    skimmed = make(3 * GHZ).skim(encoded(run), 0, 3)  # type: ignore[operator]
    assert times(skimmed) == [0, 1_000, 3_000_000_000 - 1_000]


def test_the_wall_clock_moves_time_only_alone(skimmer: Skimmer) -> None:
    alone = [(WALL_CLOCK, ClockReading(ns)) for ns in (10**18, 10**18 + 5, 10**18 + 3)]
    skimmed = skimmer.skim(encoded(alone), 0, 3)
    assert times(skimmed) == [0, 5, 5]
    assert skimmed.walls == [(0, 10**18)]
    later = (WALL_CLOCK, ClockReading(10**18 + 10**9))
    run = [alone[0], (MONOTONIC_CLOCK, ClockReading(50)), later]
    skimmed = skimmer.skim(encoded(run), 0, 3)
    assert times(skimmed) == [0, 0, 0]
    assert skimmed.walls == [(0, 10**18), (2, 10**18 + 10**9)]


def test_small_differences_of_the_wall_clock_are_not_noted(skimmer: Skimmer) -> None:
    start = (MONOTONIC_CLOCK, ClockReading(0))
    ahead = (0, WALL_TOLERANCE_NS, WALL_TOLERANCE_NS + 1, 1, 0)
    run = [start, *((WALL_CLOCK, ClockReading(10**18 + ns)) for ns in ahead)]
    skimmed = skimmer.skim(encoded(run), 0, len(run))
    assert skimmed.walls == [
        (1, 10**18),
        (3, 10**18 + WALL_TOLERANCE_NS + 1),
        (5, 10**18),
    ]


def test_goes_on_where_it_stopped(skimmer: Skimmer, run: tuple) -> None:
    payload = encoded(run)
    whole = skimmer.skim(payload, 0, len(run))
    first = skimmer.skim(payload, 0, 6)
    rest = skimmer.skim(payload, first.offset, len(run) - 6, first.readings, first.clock)
    assert first.kinds + rest.kinds == whole.kinds
    assert first.times + rest.times == whole.times
    assert (rest.offset, rest.clock, rest.readings) == (whole.offset, whole.clock, whole.readings)


def test_a_large_event(skimmer: Skimmer) -> None:
    data = bytes(3 * BLOCK_BYTES)
    payload = encoded([(BlockRead(1, 0, len(data)), BlockData(0, data))])
    skimmed = skimmer.skim(payload, 0, 1)
    assert (skimmed.kinds, skimmed.offset) == (bytes((tags.BLOCK_READ,)), len(payload))
    assert skimmer.skim(payload[:-1], 0, 1).damage is not None


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x90",
        b"\x92\x11\x00",  # an unknown tag
        b"\x92\x00\x00",
        b"\x92\xff\x00",
        b"\x92\xa0\x00",
        b"\x91\x01",  # a reading of nothing
        b"\x92\x01\xc0",
        b"\x92\x01\xca\0\0\0\0",  # a float
        b"\x92\x01\xc3",
        b"\x93\x04\x01\xa0",  # text
        b"\x93\x04\x01\x91\x01",  # an array within
        b"\x93\x04\x01\x80",
        b"\x93\x04\x01\xc1",
        b"\x93\x04\x01\xc4\x05abc",
        b"\x93\x04\x01",
        b"\x04\x01",
        b"\xdc\x00\x10" + b"\x04" * 16,
    ],
)
def test_what_is_no_event_ends_it(skimmer: Skimmer, bad: bytes) -> None:
    good = encoded([(MONOTONIC_CLOCK, ClockReading(9)), (Poll(1), PollResult(0))])
    skimmed = skimmer.skim(good + bad, 0, 5)
    assert (skimmed.count, skimmed.offset) == (2, len(good))
    assert skimmed.readings == (0, 9, 0, 0)
    assert skimmed.damage is not None
    assert skimmed.damage.what


def test_later_versions_may_have_more_fields(skimmer: Skimmer) -> None:
    payload = b"\x94\x02\x07\xc0\xc4\x01x" + b"\xdc\x00\x03\xcc\x04\x01\xcf" + bytes(8)
    skimmed = skimmer.skim(payload, 0, 2)
    assert (skimmed.kinds, skimmed.damage) == (b"\x02\x04", None)


def test_a_count_that_no_payload_can_hold(skimmer: Skimmer) -> None:
    skimmed = skimmer.skim(b"\x92\x02\x01", 0, 2**40)
    assert skimmed.count == 1
    assert skimmed.damage is not None


@needs_compiled
@given(data=st.data())
def test_both_give_the_same(crossings: SearchStrategy, data: st.DataObject) -> None:
    run = data.draw(st.lists(st.one_of(_CLOCKS, crossings), min_size=1, max_size=12))
    tsc_hz = data.draw(st.sampled_from([1, 7, GHZ, 2**64 - 1]))
    payload = encoded(run)
    cut = data.draw(st.integers(0, len(run)))
    results = []
    for skimmer in (in_python(tsc_hz), compiled(tsc_hz)):
        first = skimmer.skim(payload, 0, cut)
        rest = skimmer.skim(payload, first.offset, len(run) - cut, first.readings, first.clock)
        assert first.damage is rest.damage is None
        results.append((first, rest))
    (one, two), (other, another) = results
    assert same(one, other)
    assert same(two, another)


@needs_compiled
@given(data=st.data())
def test_both_stop_at_the_same_damage(crossings: SearchStrategy, data: st.DataObject) -> None:
    run = data.draw(st.lists(st.one_of(_CLOCKS, crossings), min_size=1, max_size=6))
    payload = bytearray(encoded(run))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    del payload[data.draw(st.integers(len(payload) - 5, len(payload))) :]
    count = len(run) + 1
    assert same(in_python().skim(payload, 0, count), compiled().skim(bytes(payload), 0, count))


@needs_compiled
@given(payload=st.binary(max_size=60))
def test_both_think_the_same_of_anything(payload: bytes) -> None:
    assert same(in_python().skim(payload, 0, 9), compiled().skim(payload, 0, 9))


@needs_compiled
def test_the_compiled_one_is_used_and_refuses_nonsense() -> None:
    from traces._events import skim

    payload = b"\x92\x02\x07"
    assert skim(payload, 0, 1, NO_READINGS, Clock(), GHZ)[:3] == (1, 3, b"\x02")
    for offset, count, tsc_hz in ((-1, 1, 1), (4, 1, 1), (0, -1, 1), (0, 1, 0)):
        with pytest.raises(ValueError, match="an offset"):
            skim(payload, offset, count, NO_READINGS, Clock(), tsc_hz)


@needs_compiled
@pytest.mark.parametrize("tag", tags.SPECS)
def test_the_compiled_one_knows_every_tag(tag: int) -> None:
    from traces._events import skim

    payload = bytes((0x93, tag, 0, 0))
    assert skim(payload, 0, 1, NO_READINGS, Clock(), GHZ)[:3] == (1, 4, bytes((tag,)))
