"""The replaying lane: an agent answers the guest from raw blocks of the trace.

It gets one block at a time. What it leaves alone the door answers, from the stream that is put
exactly before that event.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from monitors.manifest import AttachedBlock, AttachedNet
from monitors.ports import Exit
from replay.engines.agents import AgentBlock, AgentDevices, CrossingAgent, HasAgent
from replay.machine.machine import Machine
from replay.machine.shared_sectors import SharedSectors
from replay.player.source import Replaying
from traces.limits import BLOCK_BYTES
from traces.stream import EventStream

_CONSOLE_S = 0.02
_NO_DEVICE = -1


class ReplayLane:
    """See ``replay.machine.ports.Lane``; a context manager that ends its thread, which brings the
    guest's console out while it computes."""

    def __init__(self, agent: CrossingAgent, source: Replaying) -> None:
        self._agent = agent
        self._stream: EventStream = source.stream
        self._console = source.console
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._unprinted: OSError | None = None

    def __enter__(self) -> Self:
        self._ending.clear()
        self._thread = threading.Thread(target=self._print_on, name="lane-console", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()
        if error is None:
            self._check_printed()

    def run(self, room: int) -> tuple[Exit | None, int]:
        """See ``replay.machine.ports.Lane``."""
        block = self._stream.raw()
        if block is None or len(block.payload) > BLOCK_BYTES:
            return self._agent.run(0)
        self._agent.feed(block.payload, block.offset, block.state)
        exit_, answered = self._agent.run(min(room, block.count))
        if answered:
            offset, readings = self._agent.fed()
            self._stream.jump(answered, offset, readings)
        self._check_printed()
        self._print()
        return exit_, answered

    def _print_on(self) -> None:
        try:
            while not self._ending.wait(_CONSOLE_S):
                self._print()
        except OSError as error:  # nobody reads any more, which is for the replay's thread to hear
            self._unprinted = error

    def _check_printed(self) -> None:
        failure, self._unprinted = self._unprinted, None
        if failure is not None:
            raise failure

    def _print(self) -> None:
        with self._lock:
            data = self._agent.console()
            if data:
                self._console(data)


def replay_lane(machine: Machine, source: Replaying) -> ReplayLane | None:
    """A lane for this replay, where the engine can make one."""
    engine = machine.engine
    agent = engine.agent if isinstance(engine, HasAgent) else None
    if agent is None:
        return None
    attachments = machine.plan.attachments
    nets = {each.handle: _NO_DEVICE for each in attachments if isinstance(each, AttachedNet)}
    blocks = {
        each.handle: _block(each, source) for each in attachments if isinstance(each, AttachedBlock)
    }
    devices = AgentDevices(machine.plan.tsc_hz, nets=nets, blocks=blocks)
    if not agent.replay(machine.monitor.name, devices):
        return None
    return ReplayLane(agent, source)


def _block(device: AttachedBlock, source: Replaying) -> AgentBlock:
    known = SharedSectors(device.capacity_bytes)
    fd = source.blocks.share(device.handle, known)
    return AgentBlock(fd, device.capacity_bytes, device.block_size, known.fd)
