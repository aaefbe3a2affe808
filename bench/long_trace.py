"""A trace of millions of events, like a busy server's: written without a guest, always the same."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSC, TscReading
from monitors.manifest import AttachedBlock, AttachedNet
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.summary import Outcome, Summary
from traces.writer import TraceWriter

_TSC_HZ = 2_000_000_000
_BEGUN_NS = 1_790_000_000_000_000_000
_SECTOR = 512
_DRAWN = 4096
_PACES = (1, 3, 20, 5, 1, 60, 2, 8)
_AT_ONE_PACE = 15


def write_long_trace(path: Path, events: int) -> Path:
    """``events`` crossings: clocks, polls, frames in and out, console lines, sectors."""
    header = Header(
        created_by="bench",
        guest=GuestInfo("server.hvt", "hvt", 2, bytes(32), 0, embedded=False),
        machine=MachineInfo("hvt", "unicorn", 512 << 20, _TSC_HZ),
        boot=BootInfo(
            devices=(
                AttachedBlock(1, "storage", 1 << 30, _SECTOR),
                AttachedNet(2, "service", bytes.fromhex("0242ac110002"), 1500),
            )
        ),
    )
    crossings = _server()
    with TraceWriter(path, header, None, flush_interval_s=None, clock=float) as writer:
        for _ in range(events):
            writer.append(*next(crossings))
        writer.finish(Summary(Outcome.INTERRUPTED))
    return path


def _server() -> Iterator[tuple[Call, Result]]:
    draw = random.Random(5)
    frames = [_frame(draw) for _ in range(64)]
    sectors = [draw.randbytes(_SECTOR) for _ in range(16)]
    drawn = [draw.random() for _ in range(_DRAWN)]
    cycles, requests = 10**12, 0
    while True:
        requests += 1
        chance = drawn[requests * 7 % _DRAWN]
        pace = _PACES[requests >> _AT_ONE_PACE & 7]
        cycles += int(40_000 * pace * (0.1 + chance) * (200 if chance > 0.999 else 1))
        yield Poll(1_000_000_000), PollResult(4)
        yield READ_TSC, TscReading(cycles)
        yield NetRead(2, 1514), NetFrame(0, frames[requests % 64])
        yield NetRead(2, 1514), NetFrame(1, b"")
        yield READ_TSC, TscReading(cycles + 3_000)
        yield NetWrite(2, frames[requests * 3 % 64]), IoStatus(0)
        if requests % 16 == 0:
            yield WALL_CLOCK, ClockReading(_BEGUN_NS + cycles // 2)
            yield MONOTONIC_CLOCK, ClockReading(cycles // 2)
        if chance < 0.05:
            yield (
                BlockRead(1, requests % 10_000 * _SECTOR, _SECTOR),
                BlockData(0, sectors[requests % 16]),
            )
        if chance > 0.98:
            yield ConsoleWrite(b"request %d\n" % requests), DONE


def _frame(draw: random.Random) -> bytes:
    """A UDP datagram over IPv4, its checksums left out."""
    data = draw.randbytes(draw.randrange(18, 120))
    udp = struct.pack(">HHHH", draw.randrange(1024, 65536), 80, 8 + len(data), 0) + data
    addresses = (bytes((10, 0, 0, draw.randrange(2, 250))), bytes((10, 0, 0, 1)))
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, *addresses) + udp
    return bytes.fromhex("0242ac110002 0242ac110003 0800") + ip
