"""Traces with every kind of event, for the tests of the programs that show them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import (
    READ_TSC,
    READ_TSCP,
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    TscReading,
)
from monitors.manifest import AttachedBlock, AttachedNet
from traces.events import KNOWN, RecordedResult
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

Crossing = tuple[Call, RecordedResult]
MakeTrace = Callable[..., Path]

GUEST = bytes(range(256)) * 40
EVERY_KIND: tuple[Crossing, ...] = (
    (WALL_CLOCK, ClockReading(1_700_000_000_123_456_789)),
    (MONOTONIC_CLOCK, ClockReading(5)),
    (ConsoleWrite(b"hello\n"), DONE),
    (READ_TSC, TscReading(3_000_000)),
    (BlockRead(1, 0, 512), BlockData(0, b"boot" + bytes(508))),
    (BlockWrite(1, 512, b"x" * 512), IoStatus(0)),
    (BlockRead(1, 512, 512), KNOWN),
    (BlockRead(1, 1 << 40, 512), BlockData(2, b"")),
    (Poll(1_500_000_000), PollResult(4)),
    (Poll(1), PollResult(0)),
    (NetRead(2, 1514), NetFrame(0, b"a\x1b[31mframe\xff")),
    (NetRead(2, 1514), NetFrame(1, b"")),
    (NetWrite(9, b"answer"), IoStatus(2)),
    (RandomWord(seed=True, bits=64), RandomReading(2**63)),
    (Cpuid(0x80000001, 0), CpuidReading(1, 2, 0xABC, 4)),
    (WALL_CLOCK, ClockReading(1_700_000_000_000_000_000)),
    (READ_TSCP, TscReading(3_100_000, 1)),
    (Misuse(MisuseKind.INVALID_POINTER, "at 0x10\x1b[2J"), DONE),
    (Halt(-7, b"cookie"), DONE),
)
HALTED = Summary(Outcome.HALTED, status=-7, console_bytes=6)


def make_header(*, name: str = "app.hvt", command_line: bytes = b"one two") -> Header:
    """A header with two devices."""
    guest = GuestInfo(name, "hvt", 2, hashlib.sha256(GUEST).digest(), len(GUEST), embedded=True)
    devices = (
        AttachedBlock(1, "storage", 1 << 20, 512),
        AttachedNet(2, "service", bytes.fromhex("0242ac110002"), 1500),
    )
    return Header(
        created_by="solo5-replay 0.1.0",
        guest=guest,
        machine=MachineInfo("hvt", "unicorn", 512 << 20, 1_000_000_000, {"name": "westmere"}),
        boot=BootInfo(command_line, devices),
        recorded_at_ns=1_700_000_000_000_000_000,
        host={"system": "Linux", "release": "6.1", "machine": "x86_64"},
        options={"seed": 1},
    )


@pytest.fixture
def make_trace(tmp_path: Path) -> MakeTrace:
    """A function that writes a trace of blocks of ``per_block`` events."""
    names = (tmp_path / f"{number}.mp" for number in count())

    def make(
        crossings: Sequence[Crossing] = EVERY_KIND,
        *,
        per_block: int = 4,
        summary: Summary | None = HALTED,
        header: Header | None = None,
    ) -> Path:
        path = next(names)
        about = header or make_header()
        with TraceWriter(path, about, GUEST, flush_interval_s=None, clock=lambda: 0.0) as writer:
            for index, crossing in enumerate(crossings):
                writer.append(*crossing)
                if index % per_block == per_block - 1:
                    writer.digest(index, b"registers", b"memory")
                    writer.flush()
            if summary is not None:
                writer.finish(summary)
        return path

    return make


@pytest.fixture
def damage() -> Callable[[Path, bytes], Path]:
    """A function that flips a bit behind the last occurrence of some bytes."""

    def flip(path: Path, where: bytes) -> Path:
        data = bytearray(path.read_bytes())
        data[data.rindex(where) + len(where)] ^= 1
        path.write_bytes(data)
        return path

    return flip
