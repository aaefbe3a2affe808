"""Logs of digests: what is in them, and every way in which another run can differ."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.engines.ram import GuestRam
from replay.testing.digests import (
    EVERY_CROSSING_BELOW,
    STRIDE,
    DigestCheck,
    DigestDifference,
    DigestLog,
    entry_count,
    is_logged,
    read_log,
)

CROSSING = (WALL_CLOCK, ClockReading(1))


class Stopped:
    """What a digest needs of a machine."""

    def __init__(self) -> None:
        self.ram = GuestRam(1 << 16)
        self.rax = 0
        self.engine = SimpleNamespace(registers=lambda: {"rax": self.rax, "rip": 0x1000})

    def move(self) -> None:
        self.rax += 1
        self.ram.view[self.rax] = 0xA5


@pytest.fixture
def machine() -> Iterator[Any]:
    stopped = Stopped()
    yield stopped
    stopped.ram.close()


@pytest.fixture
def log(machine: Any) -> bytes:
    """Of three crossings, the machine moving before each."""
    digests = DigestLog(machine)
    for index in range(3):
        machine.move()
        digests.crossed(index, *CROSSING)
    machine.rax = 0
    machine.ram.view[:16] = bytes(16)
    return bytes(digests.data)


def test_every_crossing_at_first_and_a_stride_beyond() -> None:
    assert all(is_logged(index) for index in range(EVERY_CROSSING_BELOW))
    beyond = range(EVERY_CROSSING_BELOW, EVERY_CROSSING_BELOW + 10 * STRIDE)
    assert sum(map(is_logged, beyond)) == 10


def test_a_log_has_an_entry_for_each_crossing(log: bytes) -> None:
    assert entry_count(log) == 3
    entries = list(read_log(log))
    assert [index for index, _ in entries] == [0, 1, 2]
    assert len({digest for _, digest in entries}) == 3


def test_crossings_between_strides_are_left_out(machine: Any) -> None:
    digests = DigestLog(machine)
    digests.crossed(EVERY_CROSSING_BELOW + 1, *CROSSING)
    assert digests.data == b""
    check = DigestCheck(machine, b"")
    check.crossed(EVERY_CROSSING_BELOW + 1, *CROSSING)
    assert check.compared == 0


def test_the_same_run_agrees(machine: Any, log: bytes) -> None:
    check = DigestCheck(machine, log)
    for index in range(3):
        machine.move()
        check.crossed(index, *CROSSING)
    assert check.compared == 3


def test_another_register_is_noticed(machine: Any, log: bytes) -> None:
    check = DigestCheck(machine, log)
    machine.move()
    machine.rax = 7
    with pytest.raises(DigestDifference, match="after crossing 0: registers") as caught:
        check.crossed(0, *CROSSING)
    assert caught.value.index == 0


def test_another_byte_of_memory_is_noticed(machine: Any, log: bytes) -> None:
    check = DigestCheck(machine, log)
    machine.move()
    check.crossed(0, *CROSSING)
    machine.move()
    machine.ram.view[0x8000] = 1
    with pytest.raises(DigestDifference, match="after crossing 1: memory"):
        check.crossed(1, *CROSSING)


@pytest.mark.parametrize(("index", "entry"), [(1, 0), (3, -1)])
def test_a_log_of_other_crossings_is_noticed(
    machine: Any, log: bytes, index: int, entry: int
) -> None:
    check = DigestCheck(machine, log if entry == 0 else b"")
    with pytest.raises(DigestDifference, match=f"next entry is of crossing {entry}"):
        check.crossed(index, *CROSSING)
