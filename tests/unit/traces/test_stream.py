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
from traces.blocks import BlockFile
from traces.codec import describe
from traces.errors import BadEvent, Corrupt, DamagedTrace
from traces.framing import BlockEncoder
from traces.layout import find_layout
from traces.limits import BLOCK_BYTES
from traces.reader import open_trace
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
