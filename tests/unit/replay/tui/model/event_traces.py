"""Traces of chosen events, written without a guest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.manifest import AttachedBlock, AttachedNet
from replay.export.event_lines import EventLines
from replay.tui.model.event_reader import EventReader, Given, nothing_given
from traces.columns import EventColumns, scan
from traces.events import RecordedResult
from traces.framing import EVENTS
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.reader import Trace, open_trace
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

Crossing = tuple[Call, RecordedResult]

DAY_NS = 1_790_000_000_000_000_000
"""14:13:20 UTC."""

POLLED: Crossing = (Poll(5), PollResult(4))
PRINTED: Crossing = (ConsoleWrite(b"hello\n"), DONE)
ARRIVED: Crossing = (NetRead(2, 1514), NetFrame(0, b"frame"))
SENT: Crossing = (NetWrite(2, b"answer"), IoStatus(0))
READ: Crossing = (BlockRead(1, 512, 4), BlockData(0, b"disk"))


def clock(ns: int) -> Crossing:
    return MONOTONIC_CLOCK, ClockReading(ns)


def wall(ns: int) -> Crossing:
    return WALL_CLOCK, ClockReading(ns)


def header(recorded_at_ns: int | None = None) -> Header:
    devices = (
        AttachedBlock(1, "storage", 1 << 20, 512),
        AttachedNet(2, "service", bytes.fromhex("0242ac110002"), 1500),
    )
    return Header(
        "a test",
        GuestInfo("guest.hvt", "hvt", 2, bytes(32), 0, embedded=False),
        MachineInfo("hvt", "unicorn", 512 << 20, 1_000_000_000),
        BootInfo(devices=devices),
        recorded_at_ns=recorded_at_ns,
    )


def write(
    path: Path,
    run: Sequence[Crossing],
    *,
    per_block: int = 10,
    recorded_at_ns: int | None = None,
    finished: bool = True,
) -> Path:
    """A trace in blocks of ``per_block`` events."""
    about = header(recorded_at_ns)
    with TraceWriter(path, about, None, flush_interval_s=None, clock=float) as writer:
        for number, crossing in enumerate(run, 1):
            writer.append(*crossing)
            if number % per_block == 0:
                writer.flush()
        if finished:
            writer.finish(Summary(Outcome.HALTED))
    return path


def break_block(path: Path, number: int) -> None:
    """Change a byte of the payload of a block of events."""
    with open_trace(path) as trace:
        heads = [head for head in trace.blocks() if head.tag == EVENTS]
    data = bytearray(path.read_bytes())
    data[heads[number].payload_offset_bytes + 3] ^= 0xFF
    path.write_bytes(data)


def columns_of(trace: Trace) -> EventColumns:
    columns = EventColumns()
    for chunk in scan(trace):
        columns.extend(chunk)
    return columns


def reader_of(trace: Trace, *, scanned: bool = True, given: Given = nothing_given) -> EventReader:
    columns = columns_of(trace) if scanned else EventColumns()
    return EventReader(trace, columns, EventLines(trace.header), given)
