from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus
from replay.machine.errors import DeviceFailure
from replay.recorder.source import READ_BYTES_MAX, Recording
from replay.testing.source import ScriptedSource
from traces.errors import TraceWriteError
from traces.events import KNOWN, RecordedResult
from traces.header import GuestInfo, Header, MachineInfo
from traces.reader import open_trace
from traces.writer import TraceWriter

GUEST = GuestInfo("a.hvt", "hvt", 2, bytes(32), 0, embedded=False)
HEADER = Header("a test", GUEST, MachineInfo("hvt", "any", 1 << 20, 1))


class Studio:
    """A recording source over a world with one disk of 4 KiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.losses: list[TraceWriteError] = []
        self.world = ScriptedSource(disks={1: bytearray(b"d" * 4096)})
        self.writer = TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0)
        self.source = Recording(self.world, self.writer, self.losses.append)

    def results(self) -> list[RecordedResult]:
        """What was written down."""
        self.writer.close()
        with open_trace(self.path) as trace:
            return [event.result for event in trace.events()]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path / "a.mp")
    yield made
    made.writer.close()


def test_every_call_is_answered_by_the_inner_source_and_written_down(studio: Studio) -> None:
    twin = ScriptedSource()
    calls: list[Call] = [WALL_CLOCK, ConsoleWrite(b"hello"), WALL_CLOCK]
    answers = [studio.source.answer(call) for call in calls]
    assert answers == [twin.answer(call) for call in calls]
    assert studio.results() == answers
    assert studio.source.console_bytes == 5


def test_bytes_that_the_trace_has_are_not_stored_again(studio: Studio) -> None:
    read, half = BlockRead(1, 0, 1024), BlockRead(1, 512, 512)
    answers = [studio.source.answer(call) for call in (read, half, read)]
    assert [type(answer) for answer in answers] == [BlockData] * 3
    assert studio.results() == [BlockData(0, b"d" * 1024), KNOWN, KNOWN]


def test_what_the_guest_wrote_is_known(studio: Studio) -> None:
    studio.source.answer(BlockWrite(1, 0, b"w" * 512))
    assert studio.source.answer(BlockRead(1, 0, 512)) == BlockData(0, b"w" * 512)
    assert studio.results() == [IoStatus(0), KNOWN]


def test_partly_known_is_stored_whole(studio: Studio) -> None:
    studio.source.answer(BlockWrite(1, 0, b"w" * 512))
    studio.source.answer(BlockRead(1, 0, 1024))
    assert studio.results() == [IoStatus(0), BlockData(0, b"w" * 512 + b"d" * 512)]


def test_refused_transfers_are_not_known(studio: Studio) -> None:
    far = BlockRead(1, 1 << 20, 512)
    studio.source.answer(BlockWrite(1, 1 << 20, b"w" * 512))
    studio.source.answer(far)
    assert studio.results() == [IoStatus(2), BlockData(2, b"")]


def test_a_read_that_no_event_holds_ends_the_run(studio: Studio) -> None:
    class Huge:
        def answer(self, call: Call) -> Result:
            return BlockData(0, bytes(READ_BYTES_MAX + 1))

    with pytest.raises(DeviceFailure, match="smaller parts"):
        Recording(Huge(), studio.writer).answer(BlockRead(1, 0, READ_BYTES_MAX + 1))
    assert studio.results() == []


def test_the_largest_read_is_an_event(studio: Studio) -> None:
    class Large:
        def answer(self, call: Call) -> Result:
            return BlockData(0, bytes(READ_BYTES_MAX))

    Recording(Large(), studio.writer).answer(BlockRead(1, 0, READ_BYTES_MAX))
    assert studio.results() == [BlockData(0, bytes(READ_BYTES_MAX))]


def test_a_lost_trace_does_not_stop_the_guest(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = studio.source.answer(WALL_CLOCK)
    studio.writer.flush()

    def full(*_: object) -> None:
        raise TraceWriteError("no space left")

    monkeypatch.setattr(studio.source, "_append", full)
    assert isinstance(studio.source.answer(WALL_CLOCK), ClockReading)
    assert studio.source.answer(ConsoleWrite(b"x")) == DONE
    assert [loss.what for loss in studio.losses] == ["no space left"]
    assert studio.source.loss is studio.losses[0]
    assert studio.results() == [first]


def test_a_failing_device_is_not_recorded(studio: Studio) -> None:
    class Failing:
        def answer(self, call: Call) -> Result:
            raise DeviceFailure("out of order")

    with pytest.raises(DeviceFailure):
        Recording(Failing(), studio.writer).answer(WALL_CLOCK)
    assert studio.results() == []
