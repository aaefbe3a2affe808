"""The recording lane: an agent answers the guest and writes the events, which come in blocks.

Two threads take events from the agent, one at a time: the *drainer* while the guest runs, so that
nothing waits long, and the thread that runs the guest whenever the door answers a call itself, so
that events are in order.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from monitors.ports import Exit
from replay.engines.agents import AgentBlock, AgentDevices, CrossingAgent, FinishedEvents, HasAgent
from replay.engines.errors import EngineError
from replay.machine.machine import Machine
from replay.machine.ports import LaneDevices, OffersDescriptors, Source
from replay.machine.shared_sectors import SharedSectors
from replay.recorder.source import Recording
from traces.errors import TraceWriteError
from traces.writer import TraceWriter

_BREATH_S = 0.001
_WAKE_S = 0.02


class RecordingLane:
    """See ``replay.machine.ports.Lane``; a context manager that ends its thread.

    ``flush_interval_s`` is how long events may stay with the agent; None: until a block is full or
    the door answers. ``on_failure`` is called, from another thread and until the guest has stopped,
    when its agent is found damaged.
    """

    def __init__(
        self,
        agent: CrossingAgent,
        source: OffersDescriptors,
        recording: Recording,
        writer: TraceWriter,
        flush_interval_s: float | None,
    ) -> None:
        self._agent = agent
        self._source = source
        self._recording = recording
        self._append = writer.append_block
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._loss: TraceWriteError | None = None
        self._failure: EngineError | None = None
        self._interval_s = flush_interval_s
        self.on_failure: Callable[[], object] = _nothing

    def __enter__(self) -> Self:
        self._ending.clear()
        self._thread = threading.Thread(target=self._drain, name="lane-drainer", daemon=True)
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

    def run(self, room: int) -> tuple[Exit | None, int]:
        """See ``replay.machine.ports.Lane``."""
        clock, source = self._agent.clock, self._source
        clock.last_cycles, clock.timer_ns = source.last_cycles, source.timer_ns
        try:
            return self._agent.run(room)
        finally:
            source.note_cycles(clock.last_cycles)
            source.note_timer(clock.timer_ns)
            self._recording.console_bytes += self._agent.take_printed()
            with self._lock:
                self._take(self._agent.cut(stopped=True, wait=_nothing))
            self._report()

    def _report(self) -> None:
        loss, self._loss = self._loss, None
        if loss is not None and self._recording.loss is None:
            self._recording.give_up(loss)
        if self._failure is not None:
            raise self._failure

    def _drain(self) -> None:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        wait_s = _WAKE_S if self._interval_s is None else min(_WAKE_S, self._interval_s / 2)
        while not self._ending.is_set():
            full, _, _ = select.select((self._agent.full_fd,), (), (), wait_s)
            if full:
                os.eventfd_read(self._agent.full_fd)
            with self._lock:
                if full or self._interval_s is None:
                    self._take(self._agent.sealed())
                else:
                    self._take(self._agent.cut(stopped=False, wait=_breathe))
            if self._failure is not None:
                self.on_failure()

    def _take(self, finished: Iterable[FinishedEvents]) -> None:
        """Bring events to the trace; the lock is held. They are taken even when there is no trace
        any more: the agent waits for room."""
        try:
            for events in finished:
                self._store(events)
        except EngineError as error:
            self._failure = self._failure or error

    def _store(self, events: FinishedEvents) -> None:
        if self._loss is not None or self._recording.loss is not None:
            return
        try:
            self._append(events.payload, events.count)
        except TraceWriteError as error:
            self._loss = error


def recording_lane(
    machine: Machine,
    source: Source,
    recording: Recording,
    writer: TraceWriter,
    flush_interval_s: float | None,
) -> RecordingLane | None:
    """A lane for this recording, where engine and source can make one."""
    engine = machine.engine
    if not isinstance(engine, HasAgent) or not isinstance(source, OffersDescriptors):
        return None
    agent = engine.agent
    if agent is None:
        return None
    devices = source.lane_devices()
    blocks = {handle: _block(handle, devices, recording) for handle in devices.blocks}
    given = AgentDevices(
        tsc_hz=devices.tsc_hz,
        console_fd=devices.console_fd,
        stop_fd=devices.stop_fd,
        nets=devices.nets,
        blocks=blocks,
    )
    if not agent.record(machine.monitor.name, given):
        return None
    lane = RecordingLane(agent, source, recording, writer, flush_interval_s)
    lane.on_failure = machine.interrupt
    return lane


def _block(handle: int, devices: LaneDevices, recording: Recording) -> AgentBlock:
    block = devices.blocks[handle]
    known = SharedSectors(block.capacity_bytes)
    recording.share_known(handle, known)
    return AgentBlock(block.fd, block.capacity_bytes, block.block_size, known.fd)


def _breathe() -> None:
    time.sleep(_BREATH_S)


def _nothing() -> None:
    return
