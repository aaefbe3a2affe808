"""Where a guest may read, write and execute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitors.ports import Protection, TranslationFault, UnbackedAccess
from replay.engines.delivery import Fault, Raised
from replay.engines.native.child import PROT_READ, PROT_WRITE, Child
from replay.engines.native.memory import Area, Space, StopDuringEmulation
from replay.engines.native.processor import Processor
from replay.engines.ram import GuestRam
from tests.unit.replay.engines.guests import CODE, HEAP, UNMAPPED, guest
from tests.unit.replay.engines.native.machines import USER_REGISTERS

TEXT = Protection(CODE, CODE + 0x2000, writable=False)
SIZE = 4 << 20


@pytest.fixture
def space() -> Iterator[Space]:
    """A guest in ring 0 with the tables of an hvt guest."""
    child = Child([])
    with guest("hlt") as booted:
        cpu = Processor(child.tracee)
        cpu.load(booted.engine.registers())
        yield Space(booted.ram, [TEXT], cpu)
    child.close()


@pytest.fixture
def user_space() -> Iterator[Space]:
    child, ram = Child([]), GuestRam(SIZE)
    cpu = Processor(child.tracee)
    cpu.load(USER_REGISTERS)
    data = Protection(HEAP, HEAP + 0x1000, writable=True, executable=False)
    hole = Protection(HEAP + 0x1000, HEAP + 0x2000, False, readable=False, executable=False)
    yield Space(ram, [TEXT, data, hole], cpu)
    child.close()
    ram.close()


def test_areas_of_ring_0(space: Space) -> None:
    assert space.areas == (
        Area(0x10000, CODE, PROT_READ),
        Area(CODE, CODE + 0x2000, PROT_READ, private=True),
        Area(CODE + 0x2000, SIZE, PROT_READ | PROT_WRITE),
    )


def test_areas_of_user_mode(user_space: Space) -> None:
    both = PROT_READ | PROT_WRITE
    assert user_space.areas == (
        Area(0x10000, CODE, both),
        Area(CODE, CODE + 0x2000, PROT_READ, private=True),
        Area(CODE + 0x2000, HEAP, both),
        Area(HEAP, HEAP + 0x1000, both, executable=False),
        Area(HEAP + 0x2000, SIZE, both),
    )


def test_loads_and_stores(space: Space) -> None:
    space.store(HEAP + 0xFFC, b"12345678")
    assert space.load(HEAP + 0xFFC, 8) == b"12345678"
    for gva, code in ((UNMAPPED, 2), (0x10000, 3)):
        with pytest.raises(Fault) as caught:
            space.store(gva, b"x")
        assert caught.value.raised == Raised(14, code, gva)
    with pytest.raises(StopDuringEmulation) as stopped:
        space.store(CODE, b"x")
    assert isinstance(stopped.value.exit, TranslationFault)


def test_a_store_that_fails_changes_nothing(space: Space) -> None:
    with pytest.raises(Fault):
        space.store(SIZE - 4, b"12345678")
    assert space.load(SIZE - 4, 4) == bytes(4)


def test_code_ends_where_nothing_can_be_executed(user_space: Space) -> None:
    assert len(user_space.fetch(HEAP - 4, 15)) == 4
    assert user_space.fetch_stop(HEAP) == Raised(14, 0x15, HEAP)
    assert user_space.fetch_stop(HEAP + 0x1000) == Raised(14, 0x14, HEAP + 0x1000)


def test_accesses_without_a_page(space: Space) -> None:
    assert space.stop_of(UNMAPPED, write=False) == Raised(14, 0, UNMAPPED)
    assert space.stop_of(HEAP, write=True) is None
    assert space.stop_of(1 << 63, write=False) == Raised(13, 0)
    assert not isinstance(space.stop_of(CODE, write=False), UnbackedAccess)


def test_physical_memory(space: Space) -> None:
    assert space.peek(SIZE - 1, 1) == b"\0"
    assert space.peek(SIZE - 1, 2) is None
    assert space.poke(HEAP, b"x")
    assert not space.poke(CODE, b"x")
    assert not space.poke(SIZE, b"x")
