from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.machine.digest import machine_digest
from replay.machine.machine import Machine
from replay.machine.position import Position
from replay.player.errors import StateDivergence
from replay.player.verifier import NoStates, StateVerifier
from tests.unit.replay.recordings import Recorder
from traces.header import GuestInfo, Header, MachineInfo
from traces.reader import Trace, open_trace
from traces.writer import TraceWriter

GUEST = GuestInfo("a.hvt", "hvt", 2, bytes(32), 0, embedded=False)
HEADER = Header("a test", GUEST, MachineInfo("hvt", "any", 1 << 20, 1))
ANSWER = ClockReading(1)


def trace_with(path: Path, digests: dict[int, tuple[bytes, bytes]]) -> Trace:
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:
        for index in range(10):
            writer.append(WALL_CLOCK, ANSWER)
            if index in digests:
                writer.digest(index, *digests[index])
    return open_trace(path)


@pytest.fixture
def machine(recorder: Recorder) -> Machine:
    return recorder.machine(recorder.plan("hello"))


def cross(verifier: StateVerifier, *indices: int) -> None:
    for index in indices:
        verifier.crossed(index, WALL_CLOCK, ANSWER)


def test_equal_states_are_counted(machine: Machine, tmp_path: Path) -> None:
    now = machine_digest(machine)
    both = (now.registers, now.memory)
    with trace_with(tmp_path / "a.mp", {2: both, 5: both}) as trace:
        verifier = StateVerifier(machine, trace)
        cross(verifier, *range(10))
    assert verifier.verified == 2


@pytest.mark.parametrize("part", ["registers", "memory"])
def test_a_difference_names_its_part(machine: Machine, tmp_path: Path, part: str) -> None:
    wrong = replace(machine_digest(machine), **{part: b"12345678"})
    with trace_with(tmp_path / "a.mp", {3: (wrong.registers, wrong.memory)}) as trace:
        verifier = StateVerifier(machine, trace)
        cross(verifier, 0, 1, 2)
        with pytest.raises(StateDivergence, match=f"after event 3: {part} differ") as caught:
            cross(verifier, 3)
    assert caught.value.position == Position(4)
    assert verifier.verified == 0


def test_digests_that_were_not_taken_are_not_compared(machine: Machine, tmp_path: Path) -> None:
    now = machine_digest(machine)
    with trace_with(tmp_path / "a.mp", {0: (now.registers, b"")}) as trace:
        verifier = StateVerifier(machine, trace)
        cross(verifier, 0)
    assert verifier.verified == 1


def test_a_changed_byte_is_found(machine: Machine, tmp_path: Path) -> None:
    now = machine_digest(machine)
    with trace_with(tmp_path / "a.mp", {0: (now.registers, now.memory)}) as trace:
        verifier = StateVerifier(machine, trace)
        machine.ram.view[machine.plan.mem_size - 1] = 1
        with pytest.raises(StateDivergence, match="memory"):
            cross(verifier, 0)


def test_digests_that_come_later_are_compared_too(machine: Machine, tmp_path: Path) -> None:
    now = machine_digest(machine)
    both = (now.registers, now.memory)
    path = tmp_path / "a.mp"
    with TraceWriter(path, HEADER, None, flush_interval_s=None, clock=lambda: 0.0) as writer:

        def cross_recorded(verifier: StateVerifier, *indices: int) -> None:
            for index in indices:
                writer.append(WALL_CLOCK, ANSWER)
                writer.digest(index, *both)
            writer.flush()
            trace.refresh()
            verifier.extend()
            cross(verifier, *indices)

        writer.append(WALL_CLOCK, ANSWER)
        writer.digest(0, *both)
        writer.flush()
        with open_trace(path) as trace:
            verifier = StateVerifier(machine, trace)
            assert verifier.due == 0
            cross_recorded(verifier, 1, 2)  # that of 0 is passed over
            assert verifier.verified == 2
            verifier.extend()
            assert verifier.due == sys.maxsize
            cross_recorded(verifier, 3)
            assert verifier.verified == 3


def test_states_may_be_left_alone() -> None:
    verifier = NoStates()
    verifier.extend()
    verifier.crossed(3, WALL_CLOCK, ANSWER)
    assert (verifier.verified, verifier.due) == (0, sys.maxsize)
