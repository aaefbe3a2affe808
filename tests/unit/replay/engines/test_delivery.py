"""Delivery of exceptions from plain memory; on whole guests it is tested with each engine."""

from __future__ import annotations

import struct

import pytest

from monitors.ports import TripleFault
from replay.engines.delivery import Delivery, Raised

PML4, PDPT, PD, IDT, GDT = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
HANDLER, STACK = 0x7000, 0x9000
SIZE = 0x200000


class Memory:
    def __init__(self) -> None:
        self.data = bytearray(SIZE)

    def peek(self, gpa: int, size: int) -> bytes | None:
        return bytes(self.data[gpa : gpa + size]) if gpa + size <= SIZE else None

    def poke(self, gpa: int, data: bytes) -> bool:
        self.data[gpa : gpa + len(data)] = data
        return True


class Registers:
    def __init__(self) -> None:
        self.values = {"cr0": 1 << 16, "cr2": 0, "cr3": PML4, "cs": 8, "ss": 0x10}
        self.values |= {"rsp": STACK, "rflags": 0x302}
        self.tables = {"idtr": (0, IDT, 0xFFF), "gdtr": (0, GDT, 15), "tr": (0, 0, 0)}

    def get(self, name: str) -> int:
        return self.values[name]

    def set(self, name: str, value: int) -> None:
        self.values[name] = value

    def table(self, name: str) -> tuple[int, int, int]:
        return self.tables[name]


@pytest.fixture
def machine() -> tuple[Delivery, Registers, Memory]:
    memory, registers = Memory(), Registers()
    for at, entry in ((PML4, PDPT | 3), (PDPT, PD | 3), (PD, 0x83)):
        memory.poke(at, struct.pack("<Q", entry))
    memory.poke(GDT + 8, struct.pack("<Q", 0x00AF99000000FFFF))
    gate = struct.pack("<HHBBHQ", HANDLER, 8, 0, 0x8E, 0, 0)
    for vector in (6, 8, 14):
        memory.poke(IDT + 16 * vector, gate)
    return Delivery(registers, memory), registers, memory


def test_the_frame(machine: tuple[Delivery, Registers, Memory]) -> None:
    delivery, registers, memory = machine
    assert delivery.deliver(Raised(6), 0x1234) == HANDLER
    assert registers.get("rflags") == 2
    frame = struct.unpack("<5Q", memory.peek(registers.get("rsp"), 40) or b"")
    assert frame == (0x1234, 8, 0x10302, STACK, 0x10)


def test_a_page_fault_has_an_address_and_a_code(
    machine: tuple[Delivery, Registers, Memory],
) -> None:
    delivery, registers, memory = machine
    delivery.deliver(Raised(14, 2, 0x5000), 0)
    assert registers.get("cr2") == 0x5000
    assert memory.peek(registers.get("rsp"), 8) == (2).to_bytes(8, "little")


def test_a_missing_handler_becomes_a_double_fault(
    machine: tuple[Delivery, Registers, Memory],
) -> None:
    delivery, registers, memory = machine
    assert delivery.deliver(Raised(13, 0), 0) == HANDLER
    assert memory.peek(registers.get("rsp"), 8) == bytes(8)


def test_and_without_that_a_triple_fault(machine: tuple[Delivery, Registers, Memory]) -> None:
    delivery, registers, _ = machine
    registers.tables["idtr"] = (0, 0, 0)
    assert delivery.deliver(Raised(6), 0x99) == TripleFault(0x99, 8)
