from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus, NetFrame, NetRead
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSCP, TscReading
from replay.machine.position import Position
from replay.player.errors import Divergence
from replay.player.source import Replaying
from traces.errors import Corrupt
from traces.events import KNOWN, BytesDigest, RecordedResult
from traces.header import GuestInfo, Header, MachineInfo
from traces.reader import open_trace
from traces.writer import TraceWriter

Crossing = tuple[Call, RecordedResult]

GUEST = GuestInfo("a.hvt", "hvt", 2, bytes(32), 0, embedded=False)
HEADER = Header("a test", GUEST, MachineInfo("hvt", "any", 1 << 20, 1))


@contextmanager
def replaying(
    tmp_path: Path, crossings: Sequence[Crossing], console: bytearray | None = None
) -> Iterator[Replaying]:
    path = tmp_path / "a.mp"
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        for crossing in crossings:
            writer.append(*crossing)
    with open_trace(path) as trace:
        source = Replaying(trace, bytearray().extend if console is None else console.extend)
        yield source
        source.close()


def test_answers_are_the_recorded_ones(tmp_path: Path) -> None:
    crossings: list[Crossing] = [
        (WALL_CLOCK, ClockReading(2**63)),
        (MONOTONIC_CLOCK, ClockReading(5)),
        (Poll(10), PollResult(2)),
        (NetRead(2, 100), NetFrame(0, b"frame")),
        (READ_TSCP, TscReading(1, 2)),
    ]
    with replaying(tmp_path, crossings) as source:
        assert [source.answer(call) for call, _ in crossings] == [r for _, r in crossings]


def test_the_console_gets_what_the_guest_prints_now(tmp_path: Path) -> None:
    console = bytearray()
    with replaying(tmp_path, [(ConsoleWrite(b"hello"), DONE)], console) as source:
        source.answer(ConsoleWrite(b"hello"))
    assert console == b"hello"


def test_another_call_diverges_and_can_be_asked_again(tmp_path: Path) -> None:
    console = bytearray()
    with replaying(tmp_path, [(ConsoleWrite(b"hello"), DONE)], console) as source:
        for _ in range(2):
            with pytest.raises(Divergence) as caught:
                source.answer(ConsoleWrite(b"hellO"))
        assert caught.value.position == Position(0)
        assert caught.value.expected is not None
        (name, digest) = caught.value.actual.fields[0]
        assert (name, type(digest)) == ("data", BytesDigest)
        assert not console
        source.answer(ConsoleWrite(b"hello"))


def test_a_call_behind_the_end_diverges(tmp_path: Path) -> None:
    with replaying(tmp_path, [(WALL_CLOCK, ClockReading(1))]) as source:
        source.answer(WALL_CLOCK)
        with pytest.raises(Divergence) as caught:
            source.answer(WALL_CLOCK)
    assert (caught.value.position, caught.value.expected) == (Position(1), None)


def test_known_block_data_comes_from_what_was_seen_before(tmp_path: Path) -> None:
    read, write = BlockRead(1, 0, 1024), BlockWrite(1, 512, b"w" * 512)
    crossings: list[Crossing] = [
        (BlockRead(1, 0, 512), BlockData(0, b"r" * 512)),
        (write, IoStatus(0)),
        (read, KNOWN),
    ]
    with replaying(tmp_path, crossings) as source:
        source.answer(BlockRead(1, 0, 512))
        source.answer(write)
        assert source.answer(read) == BlockData(0, b"r" * 512 + b"w" * 512)


def test_refused_transfers_teach_nothing(tmp_path: Path) -> None:
    read, write = BlockRead(1, 0, 512), BlockWrite(1, 0, b"w" * 512)
    crossings: list[Crossing] = [
        (write, IoStatus(2)),
        (read, BlockData(2, b"")),
        (read, KNOWN),
    ]
    with replaying(tmp_path, crossings) as source:
        assert source.answer(write) == IoStatus(2)
        assert source.answer(read) == BlockData(2, b"")
        with pytest.raises(Corrupt, match="do not occur before"):
            source.answer(read)


def test_it_answers_on_when_the_trace_has_grown(tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        writer.append(WALL_CLOCK, ClockReading(1))
        writer.flush()
        with open_trace(path) as trace:
            source = Replaying(trace, bytearray().extend)
            assert source.answer(WALL_CLOCK) == ClockReading(1)
            with pytest.raises(Divergence):
                source.answer(WALL_CLOCK)
            writer.append(WALL_CLOCK, ClockReading(2))
            writer.flush()
            assert trace.refresh()
            source.extend()
            assert source.answer(WALL_CLOCK) == ClockReading(2)
            source.close()
