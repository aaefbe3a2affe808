from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from traces.codec import EventEncoder
from traces.errors import TraceExists, TraceWriteError
from traces.events import StateDigest
from traces.header import Header
from traces.limits import BLOCK_BYTES, EVENT_BYTES_MAX
from traces.reader import open_trace
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

MakeHeader = Callable[..., Header]
HALTED = Summary(Outcome.HALTED)
PATIENCE_S = 30.0


def silent(target: object, header: Header, guest: bytes | None = None) -> TraceWriter:
    """A writer without a thread."""
    return TraceWriter(target, header, guest, flush_interval_s=None, clock=lambda: 0.0)


def readings(count: int) -> list[ClockReading]:
    return [ClockReading(n * n * 31) for n in range(count)]


@settings(max_examples=30)
@given(data=st.data())
def test_equal_runs_give_equal_bytes_and_come_back(
    crossings: SearchStrategy, make_header: MakeHeader, data: st.DataObject, tmp_path_factory
) -> None:
    run = data.draw(st.lists(st.tuples(crossings, st.booleans()), max_size=20))
    folder = tmp_path_factory.mktemp("pair")
    for name in ("a.mp", "b.mp"):
        with silent(folder / name, make_header()) as writer:
            for crossing, cut in run:
                writer.append(*crossing)
                if cut:
                    writer.flush()
            writer.finish(HALTED)
    assert (folder / "a.mp").read_bytes() == (folder / "b.mp").read_bytes()
    with open_trace(folder / "a.mp") as trace:
        assert [event.result for event in trace.events()] == [r for (_, r), _ in run]
        stream = trace.stream()
        assert [stream.match(call) for (call, _), _ in run] == [r for (_, r), _ in run]


@settings(max_examples=30)
@given(data=st.data())
def test_finished_blocks_come_in_order_with_the_rest(
    crossings: SearchStrategy, make_header: MakeHeader, data: st.DataObject, tmp_path_factory
) -> None:
    parts = data.draw(
        st.lists(st.tuples(st.lists(crossings, min_size=1, max_size=6), st.booleans()), max_size=6)
    )
    path = tmp_path_factory.mktemp("blocks") / "a.mp"
    with silent(path, make_header()) as writer:
        for part, finished in parts:
            if finished:
                encode = EventEncoder().encode
                payload = b"".join(encode(*crossing) for crossing in part)
                writer.append_block(payload, len(part))
            else:
                for crossing in part:
                    writer.append(*crossing)
            writer.digest(writer.event_count - 1, b"registers")
        writer.finish(HALTED)
    run = [crossing for part, _ in parts for crossing in part]
    with open_trace(path) as trace:
        assert trace.summary.events == trace.event_count == len(run)
        assert [event.result for event in trace.events()] == [result for _, result in run]
        ends = list(accumulate(len(part) for part, _ in parts))
        assert [digest.event for digest in trace.digests()] == [end - 1 for end in ends]


def test_a_finished_block_is_on_disk_at_once(tmp_path: Path, make_header: MakeHeader) -> None:
    data = EventEncoder().encode(MONOTONIC_CLOCK, ClockReading(5))
    with silent(tmp_path / "a.mp", make_header()) as writer:
        writer.append(MONOTONIC_CLOCK, ClockReading(4))
        writer.append_block(data, 1)
        with open_trace(tmp_path / "a.mp") as trace:
            assert [event.result.ns for event in trace.events()] == [4, 5]
        for payload, count in ((data, 0), (b"", 1), (bytes(BLOCK_BYTES + 1), 2)):
            with pytest.raises(AssertionError):
                writer.append_block(payload, count)
    with pytest.raises(TraceWriteError):
        writer.append_block(data, 1)


def test_header_and_guest_are_stored_before_the_first_event(
    tmp_path: Path, make_header: MakeHeader, guest: bytes
) -> None:
    header = make_header(embedded=True)
    with silent(tmp_path / "a.mp", header, guest), open_trace(tmp_path / "a.mp") as trace:
        assert trace.header == header
        assert trace.guest() == guest
        assert (trace.event_count, trace.complete) == (0, False)


def test_large_guests_are_stored_in_chunks(tmp_path: Path, make_header: MakeHeader) -> None:
    import hashlib

    large = bytes(range(251)) * 4000
    plain = make_header(embedded=True)
    about = replace(plain.guest, size=len(large), sha256=hashlib.sha256(large).digest())
    with silent(tmp_path / "a.mp", replace(plain, guest=about), large) as writer:
        writer.finish(HALTED)
    with open_trace(tmp_path / "a.mp") as trace:
        assert [head.tag for head in trace.blocks()].count("G") == 4
        assert trace.guest() == large


@pytest.mark.slow
def test_blocks_are_cut_by_size(tmp_path: Path, make_header: MakeHeader) -> None:
    run = readings(200_000)
    with silent(tmp_path / "a.mp", make_header()) as writer:
        for reading in run:
            writer.append(MONOTONIC_CLOCK, reading)
        writer.finish(HALTED)
    with open_trace(tmp_path / "a.mp") as trace:
        heads = [head for head in trace.blocks() if head.tag == "E"]
        sizes = [len(trace.payload(head)) for head in heads]
        assert len(sizes) > 2
        assert all(BLOCK_BYTES - 20 < size <= BLOCK_BYTES for size in sizes[:-1])
        stream = trace.stream(150_000)
        assert stream.match(MONOTONIC_CLOCK) == run[150_000]


def test_large_events_have_blocks_of_their_own(tmp_path: Path, make_header: MakeHeader) -> None:
    data = bytes(range(256)) * 2048
    call, result = BlockRead(1, 0, len(data)), BlockData(0, data)
    with silent(tmp_path / "a.mp", make_header()) as writer:
        for _ in range(2):
            writer.append(MONOTONIC_CLOCK, ClockReading(5))
            writer.append(call, result)
        writer.finish(HALTED)
    with open_trace(tmp_path / "a.mp") as trace:
        assert [head.count for head in trace.blocks() if head.tag == "E"] == [1, 1, 1, 1]
        stream = trace.stream()
        for _ in range(2):
            assert stream.match(MONOTONIC_CLOCK) == ClockReading(5)
            assert stream.match(call) == result
        assert trace.stream(3).next().result == result


def test_events_beyond_the_limit_end_the_recording(tmp_path: Path, make_header: MakeHeader) -> None:
    data = bytes(EVENT_BYTES_MAX)
    writer = silent(tmp_path / "a.mp", make_header())
    writer.append(MONOTONIC_CLOCK, ClockReading(5))
    with pytest.raises(TraceWriteError, match="limit"):
        writer.append(BlockRead(1, 0, len(data)), BlockData(0, data))
    with pytest.raises(TraceWriteError, match="limit"):
        writer.append(MONOTONIC_CLOCK, ClockReading(6))
    writer.close()
    with open_trace(tmp_path / "a.mp") as trace:
        assert [event.result for event in trace.events()] == [ClockReading(5)]


def test_closing_without_finish_leaves_an_incomplete_trace(
    tmp_path: Path, make_header: MakeHeader
) -> None:
    writer = silent(tmp_path / "a.mp", make_header())
    writer.append(MONOTONIC_CLOCK, ClockReading(5))
    writer.close()
    writer.close()
    with open_trace(tmp_path / "a.mp") as trace:
        assert (trace.event_count, trace.complete, trace.summary) == (1, False, None)
        assert trace.damage is None
    with pytest.raises(TraceWriteError, match="closed"):
        writer.append(MONOTONIC_CLOCK, ClockReading(6))
    with pytest.raises(TraceWriteError, match="closed"):
        writer.finish(HALTED)


def test_finish_counts_events(tmp_path: Path, make_header: MakeHeader) -> None:
    with silent(tmp_path / "a.mp", make_header()) as writer:
        writer.append(ConsoleWrite(b"x"), DONE)
        writer.finish(Summary(Outcome.HALTED, status=3, console_bytes=1))
    with open_trace(tmp_path / "a.mp") as trace:
        assert trace.summary == Summary(Outcome.HALTED, status=3, events=1, console_bytes=1)
        assert trace.complete


@pytest.mark.slow
def test_digests_stand_behind_their_events(tmp_path: Path, make_header: MakeHeader) -> None:
    with silent(tmp_path / "a.mp", make_header()) as writer:
        for index in range(30_000):
            writer.append(ConsoleWrite(b"x"), DONE)
            writer.digest(index, b"registers", b"memory")
        writer.finish(HALTED)
    with open_trace(tmp_path / "a.mp") as trace:
        known = 0
        for head in trace.blocks():
            if head.tag == "E":
                known = head.first_event + head.count
            if head.tag == "d":
                assert head.first_event + head.count <= known
        assert [d.event for d in trace.digests()] == list(range(30_000))
        assert next(trace.digests(29_000)).event == 29_000


def test_digests_ascend_and_belong_to_appended_events(
    tmp_path: Path, make_header: MakeHeader
) -> None:
    with silent(tmp_path / "a.mp", make_header()) as writer:
        for _ in range(3):
            writer.append(ConsoleWrite(b"x"), DONE)
        writer.digest(1, b"first")
        writer.digest(1, b"again")
        for event in (0, 3):
            with pytest.raises(AssertionError):
                writer.digest(event, b"r")
        writer.finish(HALTED)
    with open_trace(tmp_path / "a.mp") as trace:
        assert list(trace.digests()) == [StateDigest(1, b"first", b"")]


def test_existing_files_stay_as_they_are(tmp_path: Path, make_header: MakeHeader) -> None:
    (tmp_path / "a.mp").write_bytes(b"precious")
    with pytest.raises(TraceExists):
        silent(tmp_path / "a.mp", make_header())
    assert (tmp_path / "a.mp").read_bytes() == b"precious"


def test_header_that_no_reader_would_take_creates_no_file(
    tmp_path: Path, make_header: MakeHeader
) -> None:
    with pytest.raises(TraceWriteError, match="command_line"):
        silent(tmp_path / "a.mp", make_header(command_line=b"x" * 70_000))
    assert list(tmp_path.iterdir()) == []


def test_header_values_must_survive_msgpack(tmp_path: Path, make_header: MakeHeader) -> None:
    header = replace(make_header(), options={"pair": (1, 2)})
    with pytest.raises(AssertionError):
        silent(tmp_path / "a.mp", header)


class _Disk(io.RawIOBase):
    """A file in memory that is full after ``room`` bytes and tells when it was written to."""

    def __init__(self, room: int = 10**9) -> None:
        self.data = b""
        self.room = room
        self.written = threading.Event()

    def write(self, data: bytes) -> int:
        if len(self.data) + len(data) > self.room:
            raise OSError(28, "No space left on device")
        self.data += data
        self.written.set()
        return len(data)


def test_full_disk_is_told_at_the_next_append(make_header: MakeHeader, tmp_path: Path) -> None:
    disk = _Disk()
    writer = silent(disk, make_header())
    writer.append(MONOTONIC_CLOCK, ClockReading(5))
    writer.flush()
    disk.room = len(disk.data) + 5
    writer.append(MONOTONIC_CLOCK, ClockReading(6))
    with pytest.raises(TraceWriteError, match="No space left"):
        writer.flush()
    with pytest.raises(TraceWriteError, match="No space left"):
        writer.append(MONOTONIC_CLOCK, ClockReading(7))
    with pytest.raises(TraceWriteError, match="No space left"):
        writer.finish(HALTED)
    writer.close()
    (tmp_path / "a.mp").write_bytes(disk.data)
    with open_trace(tmp_path / "a.mp") as trace:
        assert [event.result for event in trace.events()] == [ClockReading(5)]


def test_disk_that_is_full_at_once(make_header: MakeHeader) -> None:
    with pytest.raises(TraceWriteError):
        silent(_Disk(room=10), make_header())


def test_disk_that_is_full_at_the_end(make_header: MakeHeader) -> None:
    disk = _Disk()
    writer = silent(disk, make_header())
    writer.flush()
    disk.room = len(disk.data) + 20
    with pytest.raises(TraceWriteError):
        writer.finish(HALTED)


def test_pending_events_reach_the_file_by_themselves(
    make_header: MakeHeader, tmp_path: Path
) -> None:
    disk = _Disk()
    writer = TraceWriter(disk, make_header(), None, flush_interval_s=0.0, clock=lambda: 0.0)
    disk.written.clear()
    writer.append(MONOTONIC_CLOCK, ClockReading(5))
    assert disk.written.wait(PATIENCE_S)
    writer.close()
    (tmp_path / "a.mp").write_bytes(disk.data)
    with open_trace(tmp_path / "a.mp") as trace:
        assert trace.event_count == 1


def test_nothing_is_due_before_its_time(make_header: MakeHeader) -> None:
    now_s = [100.0]
    disk = _Disk()
    writer = TraceWriter(disk, make_header(), None, flush_interval_s=1000.0, clock=lambda: now_s[0])
    empty = len(disk.data)
    assert writer._flush_due() is None
    writer.append(MONOTONIC_CLOCK, ClockReading(5))
    now_s[0] += 100.0
    assert 0 < writer._flush_due() <= 900.0
    assert len(disk.data) == empty
    now_s[0] += 900.0
    assert writer._flush_due() is None
    assert len(disk.data) > empty
    writer.close()


@pytest.mark.slow
def test_flusher_and_recorder_keep_the_order(make_header: MakeHeader, tmp_path: Path) -> None:
    run = readings(100_000)
    path = tmp_path / "a.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=0.0, clock=lambda: 0.0) as writer:
        for reading in run:
            writer.append(MONOTONIC_CLOCK, reading)
        writer.finish(HALTED)
    with open_trace(path) as trace:
        stream = trace.stream()
        assert all(stream.match(MONOTONIC_CLOCK) == reading for reading in run)
        assert stream.at_end
