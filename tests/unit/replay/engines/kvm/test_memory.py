from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitors.ports import Protection
from replay.engines.kvm.memory import SlotMemory
from replay.engines.ram import GuestRam

SIZE = 0x10000
TEXT = Protection(0x2000, 0x4000, writable=False)
RODATA = Protection(0x6000, 0x7000, writable=False, code=False)


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    ram = GuestRam(SIZE)
    yield ram
    ram.close()


@pytest.fixture
def memory(ram: GuestRam) -> Iterator[SlotMemory]:
    ram.view[0x2000:0x2004] = ram.view[0x6000:0x6004] = b"abcd"
    memory = SlotMemory(ram, [RODATA, TEXT], lambda code, _: code.upper())
    memory.reload()
    yield memory
    memory.close()


def _behind(memory: SlotMemory, gpa: int, size: int) -> bytes:
    area = next(a for a in memory._guarded if a.start <= gpa < a.end)
    return area.copy[gpa - area.start : gpa - area.start + size]


def test_slots_cover_everything_once(ram: GuestRam, memory: SlotMemory) -> None:
    slots = memory.slots()
    assert [(slot.gpa, slot.size) for slot in slots] == [
        (0, 0x2000),
        (0x2000, 0x2000),
        (0x4000, 0x2000),
        (0x6000, 0x1000),
        (0x7000, 0x9000),
    ]
    assert [slot.address - ram.address for slot in slots if slot.gpa in (0, 0x4000, 0x7000)] == [
        0,
        0x4000,
        0x7000,
    ]


def test_only_code_is_patched_and_only_in_the_copy(ram: GuestRam, memory: SlotMemory) -> None:
    assert _behind(memory, 0x2000, 4) == b"ABCD"
    assert _behind(memory, 0x6000, 4) == b"abcd"
    assert bytes(ram.view[0x2000:0x2004]) == b"abcd"


def test_what_the_host_writes_is_patched_too(ram: GuestRam, memory: SlotMemory) -> None:
    memory.write(0x3FFE, b"wxyz")
    assert bytes(ram.view[0x3FFE:0x4002]) == b"wxyz"
    assert _behind(memory, 0x3FFE, 2) == b"WX"


def test_memory_may_become_another(ram: GuestRam, memory: SlotMemory) -> None:
    ram.view[0x2000:0x2004] = b"efgh"
    memory.reload()
    assert _behind(memory, 0x2000, 4) == b"EFGH"


def test_what_is_guarded(memory: SlotMemory) -> None:
    found = [memory.is_guarded(gpa) for gpa in (0x1FFF, 0x2000, 0x3FFF, 0x4000, 0x6800)]
    assert found == [False, True, True, False, True]
