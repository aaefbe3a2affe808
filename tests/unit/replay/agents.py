"""Recordings through an agent: real devices, and the native engine with and without one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitors.elf import read_image
from monitors.manifest import AttachedBlock, AttachedNet
from replay.devices.block import BlockImage
from replay.devices.console import Console
from replay.devices.live import HostSide, LiveSource
from replay.devices.tap import Interface
from replay.engines.native.agent_image import find_agent
from replay.engines.native.engine import NativeEngine
from replay.machine.machine import boot_machine
from replay.machine.plan import MachinePlan, header_of
from replay.player.session import Replayed, ReplaySession
from replay.recorder.session import Recorded, record
from traces.reader import open_trace

BLOCK_BYTES = 1 << 20


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


def record_fast(folder: Path, plan: MachinePlan, network: int | None = None) -> FastRecording:
    """Record with every crossing that the agent can answer answered by it. Block devices are an
    image in ``folder``, network devices the descriptor ``network``."""
    require_agent()
    disk = folder / "disk"
    disk.write_bytes(bytes(range(256)) * (BLOCK_BYTES // 256))
    console_fd = os.open(folder / "console", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    stores = {a.handle: BlockImage(disk) for a in plan.attachments if isinstance(a, AttachedBlock)}
    nets = [a.handle for a in plan.attachments if isinstance(a, AttachedNet)]
    interfaces = {handle: Interface("a pair", network or -1, 1500) for handle in nets}
    host = HostSide(stores=stores, interfaces=interfaces, console=Console(console_fd))
    source = LiveSource(plan.cpu, plan.tsc_hz, host)
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
        os.close(console_fd)
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
