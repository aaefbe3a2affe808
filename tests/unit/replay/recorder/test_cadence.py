from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.machine.digest import machine_digest
from replay.machine.machine import Machine
from replay.recorder.cadence import DIGEST_EVERY_EVENTS, DigestCadence
from tests.unit.replay.recordings import Recorder
from traces.header import GuestInfo, Header, MachineInfo
from traces.reader import open_trace
from traces.writer import TraceWriter

GUEST = GuestInfo("a.hvt", "hvt", 2, bytes(32), 0, embedded=False)
HEADER = Header("a test", GUEST, MachineInfo("hvt", "any", 1 << 20, 1))
ANSWER = ClockReading(1)


@pytest.fixture
def machine(recorder: Recorder) -> Iterator[Machine]:
    booted = recorder.machine(recorder.plan("hello"))
    yield booted
    booted.close()


def cross(path: Path, machine: Machine, events: int, every: int, *, take: int = -1) -> list[int]:
    """The crossings that have a digest after ``events`` of them."""
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        cadence = DigestCadence(machine, writer, every)
        for index in range(events):
            writer.append(WALL_CLOCK, ANSWER)
            cadence.crossed(index, WALL_CLOCK, ANSWER)
            if index == take:
                cadence.take(index)
    with open_trace(path) as trace:
        return [digest.event for digest in trace.digests()]


def test_one_every_so_many_crossings(machine: Machine, tmp_path: Path) -> None:
    assert cross(tmp_path / "a.mp", machine, 10, 4) == [3, 7]


def test_one_that_is_asked_for_moves_the_next(machine: Machine, tmp_path: Path) -> None:
    assert cross(tmp_path / "a.mp", machine, 12, 4, take=5) == [3, 5, 9]


def test_asking_twice_gives_one(machine: Machine, tmp_path: Path) -> None:
    assert cross(tmp_path / "a.mp", machine, 5, 4, take=3) == [3]


def test_short_runs_have_none_by_themselves(machine: Machine, tmp_path: Path) -> None:
    assert cross(tmp_path / "a.mp", machine, 50, DIGEST_EVERY_EVENTS) == []


def test_the_digest_is_that_of_the_machine(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    cross(path, machine, 1, 1)
    now = machine_digest(machine)
    with open_trace(path) as trace:
        (digest,) = trace.digests()
    assert (digest.registers, digest.memory) == (now.registers, now.memory)


def test_a_crossing_that_the_trace_has_lost_has_no_digest(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "a.mp"
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        writer.append(WALL_CLOCK, ANSWER)
        DigestCadence(machine, writer).take(1)
    with open_trace(path) as trace:
        assert not list(trace.digests())
