from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK
from monitors.calls.poll import Poll
from traces.arrays import unpack_events
from traces.blocks import BlockFile
from traces.codec import EventDecoder, describe
from traces.errors import BadEvent, Corrupt, DamagedTrace
from traces.framing import BlockEncoder
from traces.layout import find_layout
from traces.limits import BLOCK_BYTES
from traces.migrate import Step
from traces.reader import open_trace
from traces.stream import EventStream
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

MakeTrace = Callable[..., Path]


def test_match_answers_the_whole_run(make_trace: MakeTrace, run: tuple) -> None:
    with open_trace(make_trace()) as trace:
        stream = trace.stream()
        for index, (call, result) in enumerate(run):
            assert stream.index == index
            assert stream.match(call) == result
        assert stream.at_end
        assert stream.match(WALL_CLOCK) is None
        assert stream.peek() is None
        assert stream.next() is None


def test_another_call_does_not_move_the_stream(make_trace: MakeTrace, run: tuple) -> None:
    with open_trace(make_trace(per_block=1)) as trace:
        stream = trace.stream()
        for index, (call, result) in enumerate(run):
            assert stream.match(Poll(12345)) is None
            peeked = stream.peek()
            assert (peeked.index, peeked.call, peeked.result) == (index, describe(call), result)
            assert stream.peek() == peeked
            assert stream.match(call) == result


def test_values_and_answers_may_be_mixed(make_trace: MakeTrace, run: tuple) -> None:
    with open_trace(make_trace()) as trace:
        stream = trace.stream()
        for index, (call, result) in enumerate(run):
            if index % 2:
                assert stream.next().result == result
            else:
                assert stream.match(call) == result


def test_several_streams_at_once(make_trace: MakeTrace, run: tuple) -> None:
    with open_trace(make_trace()) as trace:
        first, second = trace.stream(), trace.stream(8)
        assert first.match(run[0][0]) == run[0][1]
        assert second.match(run[8][0]) == run[8][1]
        assert first.match(run[1][0]) == run[1][1]


@settings(max_examples=30)
@given(data=st.data())
def test_start_anywhere_is_the_run_from_there(
    crossings: SearchStrategy, data: st.DataObject, tmp_path_factory, make_header: Callable
) -> None:
    run = data.draw(st.lists(st.tuples(crossings, st.booleans()), max_size=20))
    path = tmp_path_factory.mktemp("seek") / "a.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as writer:
        for crossing, cut in run:
            writer.append(*crossing)
            if cut:
                writer.flush()
        if data.draw(st.booleans()):
            writer.finish(Summary(Outcome.HALTED))
    with open_trace(path) as trace:
        every = list(trace.events())
        assert [event.index for event in every] == list(range(len(run)))
        for start in range(len(run) + 2):
            assert list(trace.events(start)) == every[start:]


@settings(max_examples=40)
@given(data=st.data())
def test_somebody_else_may_take_part_of_a_block(
    crossings: SearchStrategy, data: st.DataObject, tmp_path_factory, make_header: Callable
) -> None:
    run = data.draw(st.lists(st.tuples(crossings, st.booleans()), max_size=20))
    path = tmp_path_factory.mktemp("raw") / "a.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as writer:
        for crossing, cut in run:
            writer.append(*crossing)
            if cut:
                writer.flush()
    with open_trace(path) as trace:
        stream = trace.stream(data.draw(st.integers(0, len(run))))
        while not stream.at_end:
            (call, result), _ = run[stream.index]
            if data.draw(st.booleans()):
                assert stream.match(call) == result
            else:
                _take_raw(stream, data.draw(st.integers(0, 5)), run)
        assert stream.raw() is None


def _take_raw(stream: EventStream, wanted: int, run: list) -> None:
    """What a lane does: take at most so many events from the bytes."""
    block = stream.raw()
    if block is None:
        assert stream.next() is not None
        return
    start, decoder, unpacker = stream.index, EventDecoder(), msgpack.Unpacker()
    decoder.restore(block.state)
    unpacker.feed(block.payload[block.offset :])
    taken = min(wanted, block.count)
    for index in range(start, start + taken):
        (call, result), _ = run[index]
        assert decoder.match(unpacker.unpack(), call) == result
    stream.jump(taken, block.offset + unpacker.tell(), decoder.state())
    assert stream.index == start + taken


def test_an_event_that_was_looked_at_is_not_given_as_bytes(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        stream = trace.stream()
        stream.peek()
        assert stream.raw() is None
        stream.next()
        assert stream.raw().offset > 0


def test_bytes_left_over_behind_a_jump_are_told(make_trace: MakeTrace, run: tuple) -> None:
    with open_trace(make_trace()) as trace:
        stream = trace.stream()
        block = stream.raw()
        stream.jump(block.count, len(block.payload) - 1, block.state)
        with pytest.raises(BadEvent):
            stream.match(run[block.count][0])


def test_blocks_of_an_older_version_are_given_migrated(make_trace: MakeTrace) -> None:
    step = Step(dict, dict, lambda arrays: ([*array, 7] for array in arrays))
    with open_trace(make_trace()) as trace:
        old = list(unpack_events(trace.stream().raw().payload))
        block = EventStream(trace.file, trace.layout, 0, (step,)).raw()
    assert list(unpack_events(block.payload)) == [[*array, 7] for array in old]


def damaged(path: Path, payload: bytes, count: int) -> Path:
    """A trace whose only block of events holds ``payload``."""
    with BlockFile(path) as file:
        begin_bytes = file.header()[1]
    block = BlockEncoder().encode("E", 0, count, payload)
    path.write_bytes(path.read_bytes()[:begin_bytes] + block)
    return path


def packed(*values: object) -> bytes:
    return b"".join(msgpack.packb(value) for value in values)


LARGE = bytes(BLOCK_BYTES + 1)
NESTED = b"\x9f" + b"\x91" * 100_000

BAD_BLOCKS = {
    "fewer events than announced": (packed([2, 1]), 2),
    "more events than announced": (packed([2, 1], [2, 1]), 1),
    "a number for an event": (packed([2, 1], 5), 2),
    "a field missing": (packed([2]), 1),
    "a mistyped field": (packed([2, 1.5]), 1),
    "an unknown tag": (packed([77, 1]), 1),
    "an empty event": (packed([]), 1),
    "an event cut off": (packed([2, 1]) + b"\x92\x02", 2),
    "bytes behind the last event": (packed([2, 1]) + b"\x92\x02", 1),
    "a byte that is never used": (b"\xc1", 1),
    "an empty block": (b"", 1),
    "nil for an event": (packed(None, [2, 1]), 2),
    "nil behind an event": (packed([2, 1], None), 1),
    "a map": (packed({"a": 1}), 1),
    "a text": (packed([2, "1"]), 1),
    "an array with an announced million": (b"\xdd\x00\x10\x00\x00", 1),
    "arrays in arrays": (NESTED, 1),
    "a large event cut off": (b"\x96\x05\x01\x00\xcd\x08\x00\x00\xc6\x00\x08\x00\x00" + LARGE, 1),
    "a large event that is none": (LARGE, 1),
}


@pytest.mark.parametrize("name", BAD_BLOCKS)
def test_damage_is_typed_and_placed(make_trace: MakeTrace, name: str) -> None:
    path = damaged(make_trace(summary=None), *BAD_BLOCKS[name])
    with open_trace(path) as trace:
        for read in (
            lambda: list(trace.events()),
            lambda: _match_all(trace.stream()),
        ):
            with pytest.raises(BadEvent) as caught:
                read()
            assert caught.value.path == str(path)
            assert 0 <= caught.value.index <= 2
            assert caught.value.offset_bytes > 0


@pytest.mark.parametrize("first", [[2, 1.5], [2], 7, []])
def test_damage_is_found_on_the_way_to_a_later_event(make_trace: MakeTrace, first: object) -> None:
    path = damaged(make_trace(summary=None), packed(first, [2, 1], [2, 1]), 3)
    with open_trace(path) as trace, pytest.raises(BadEvent) as caught:
        trace.stream(2)
    assert caught.value.index == 0


def _match_all(stream) -> None:
    while stream.match(MONOTONIC_CLOCK) is not None:
        pass
    stream.peek()


def test_index_that_leads_elsewhere(make_trace: MakeTrace) -> None:
    path = make_trace()
    with BlockFile(path) as file:
        layout = find_layout(file, file.header()[1])
        (entry,) = layout.index.entries
    data = path.read_bytes()
    guest_at = data.index(b"\x96\xa1G")
    index = msgpack.packb(0) + msgpack.packb(guest_at)
    assert data.count(msgpack.packb(0) + msgpack.packb(entry[1])) == 1
    block_at = data.index(b"\x96\xa1i")
    changed = BlockEncoder().encode("i", 16, 1, index)
    path.write_bytes(data[:block_at] + changed + data[block_at + len(changed) :])
    with open_trace(path) as trace, pytest.raises(Corrupt, match="index"):
        trace.stream()


def test_missing_block_in_a_finished_trace(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=8)
    data = bytearray(path.read_bytes())
    second = data.index(b"\x96\xa1E\x08")
    data[second + 2] = ord("e")
    path.write_bytes(data)
    with open_trace(path) as trace, pytest.raises(Corrupt, match="end at 8 instead of 16"):
        list(trace.events())


def test_flipped_bit_is_found_where_it_is_met(make_trace: MakeTrace, run: tuple) -> None:
    path = make_trace(per_block=8)
    data = bytearray(path.read_bytes())
    second = data.index(b"\x96\xa1E\x08")
    data[second + 20] ^= 1
    path.write_bytes(data)
    with open_trace(path) as trace:
        stream = trace.stream()
        for call, result in run[:8]:
            assert stream.match(call) == result
        with pytest.raises(DamagedTrace) as caught:
            stream.match(run[8][0])
        assert caught.value.offset_bytes == second


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_at_the_end_goes_on_when_the_trace_has_grown(
    make_trace: MakeTrace, run: tuple, asked: bool
) -> None:
    path = make_trace(per_block=4)
    data = path.read_bytes()
    blocks = [at for at in range(len(data)) if data.startswith(b"\x96\xa1E", at)]
    path.write_bytes(data[: blocks[2]])
    with open_trace(path) as trace:
        matching, raw = trace.stream(), trace.stream()
        for call, result in run[:8]:
            assert matching.match(call) == result
        raw.jump(4, *_behind(raw))
        raw.jump(4, *_behind(raw))
        if asked:
            assert matching.match(run[8][0]) is None
            assert matching.peek() is None
            assert raw.raw() is None
        path.write_bytes(data)
        assert trace.refresh()
        for stream in (matching, raw):
            stream.extend(trace.layout)
            for call, result in run[8:]:
                assert stream.match(call) == result
            assert stream.at_end


def _behind(stream: EventStream) -> tuple[int, tuple[int, int, int, int]]:
    """The end of the block at hand, and the readings there."""
    block = stream.raw()
    assert block is not None
    decoder = EventDecoder()
    decoder.restore(block.state)
    for array in unpack_events(block.payload[block.offset :]):
        decoder.decode(array)
    return len(block.payload), decoder.state()
