"""Recordings through an agent: real devices, and the native engine with and without one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitors.elf import read_image
from replay.devices.block import BlockImage
from replay.devices.console import Console
from replay.devices.live import LiveSource
from replay.engines.native.agent_image import find_agent
from replay.engines.native.engine import NativeEngine
from replay.machine.machine import boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.machine.ports import LaneBlock, LaneDevices
from replay.player.session import Replayed, ReplaySession
from replay.recorder.session import Recorded, record
from traces.reader import open_trace

BLOCK_BYTES = 1 << 20


class OfferingSource(LiveSource):
    """Live devices that a lane may take over."""

    def __init__(self, plan: MachinePlan, console: Path, disk: Path | None = None) -> None:
        self._console_fd = os.open(console, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        images = {}
        self._blocks = {}
        if disk is not None:
            images[0] = BlockImage(disk)
            self._blocks[0] = LaneBlock(images[0]._fd, BLOCK_BYTES, 512)
        self._tsc_hz = plan.tsc_hz
        self._last, self._timer = 0, 0
        super().__init__(plan.cpu, plan.tsc_hz, stores=images, console=Console(self._console_fd))

    def lane_devices(self) -> LaneDevices:
        return LaneDevices(self._console_fd, self._tsc_hz, blocks=self._blocks)

    @property
    def last_cycles(self) -> int:
        return self._last

    def note_cycles(self, last: int) -> None:
        self._last = last

    @property
    def timer_ns(self) -> int:
        return self._timer

    def note_timer(self, at_ns: int) -> None:
        self._timer = at_ns


@dataclass(frozen=True, slots=True)
class FastRecording:
    """A trace made through an agent, and the agent's own account of it."""

    path: Path
    recorded: Recorded
    console: bytes
    left: int


def require_agent() -> None:
    """Skip the test where no agent was built."""
    if find_agent() is None:
        pytest.skip("no agent was built: a C compiler is missing, or it is switched off")


def record_fast(folder: Path, plan: MachinePlan) -> FastRecording:
    """Record with every crossing that the agent can answer answered by it."""
    require_agent()
    disk = folder / "disk"
    disk.write_bytes(bytes(range(256)) * (BLOCK_BYTES // 256))
    source = OfferingSource(plan, folder / "console", disk if plan.attachments else None)
    engine = NativeEngine()
    machine = boot_machine(plan, engine)
    image = read_image(plan.guest, name=plan.guest_name)
    header = header_of(plan, image, engine="native", created_by="a test")
    path = folder / "fast.mp"
    try:
        recorded = record(machine, source, path, header)
        assert engine._agent is not None
        left = engine._agent.control.left
    finally:
        machine.close()
    return FastRecording(path, recorded, (folder / "console").read_bytes(), left)


def replay_on(engine: object, path: Path) -> tuple[Replayed, bytes]:
    """Replay to the end; what came of it, and what the guest printed."""
    printed: list[bytes] = []
    with open_trace(path) as trace:
        session = ReplaySession(trace, engine, console=printed.append)  # type: ignore[arg-type]
        try:
            return session.run(), b"".join(printed)
        finally:
            session.close()
