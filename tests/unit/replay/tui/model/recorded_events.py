"""A small run with frames and blocks, as values."""

from __future__ import annotations

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.manifest import AttachedBlock, AttachedNet
from replay.player.given_log import Given
from replay.tui.model.event_lists import EventSource
from traces.codec import describe
from traces.events import KNOWN, Event, RecordedResult
from traces.header import BootInfo, GuestInfo, Header, MachineInfo

ARP = bytes.fromhex(
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001020000000001 0a000001 000000000000 0a000002"
)
RUN: tuple[tuple[Call, RecordedResult], ...] = (
    (WALL_CLOCK, ClockReading(5)),
    (NetRead(2, 1514), NetFrame(0, ARP)),
    (NetWrite(2, b"\x1b[2J" * 20), IoStatus(0)),
    (NetRead(2, 1514), NetFrame(1, b"")),
    (NetWrite(9, b"x" * 9), IoStatus(2)),
    (BlockWrite(1, 1024, b"w" * 1024), IoStatus(0)),
    (BlockRead(1, 1024, 512), KNOWN),
    (BlockRead(1, 0, 512), BlockData(0, b"r" * 512)),
    (BlockWrite(1, 7, b"u" * 100), IoStatus(2)),
    (BlockRead(7, 0, 512), BlockData(3, b"")),
)
EVENTS = [Event(index, describe(call), result) for index, (call, result) in enumerate(RUN)]
FRAMES = (1, 2, 4)
BLOCKS = (5, 6, 7, 8, 9)
GIVEN = {
    index: Given(call.data, len(call.data))
    for index, (call, _) in enumerate(RUN)
    if isinstance(call, NetWrite | BlockWrite)
}
HEADER = Header(
    "a test",
    GuestInfo("a.hvt", "hvt", 2, bytes(32), 0, embedded=False),
    MachineInfo("hvt", "any", 1 << 20, 1),
    BootInfo(
        b"",
        (
            AttachedBlock(1, "storage", 1 << 20, 512, 5),
            AttachedNet(2, "net\x1b", bytes(6), 1500),
        ),
    ),
)


class Recorded:
    """The run as a table asks for it; it counts how often an event is read."""

    def __init__(self) -> None:
        self.given: dict[int, Given] = {}
        self.read: list[int] = []
        self.source = EventSource(self._event, self.given_by, self._time_ns)

    def _event(self, index: int) -> Event | None:
        self.read.append(index)
        return EVENTS[index] if index < len(EVENTS) else None

    def given_by(self, index: int) -> Given | None:
        return self.given.get(index)

    def _time_ns(self, index: int) -> int | None:
        return index * 1_000_000 if index < 8 else None
