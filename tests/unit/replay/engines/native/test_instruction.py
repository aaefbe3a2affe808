"""Operands of emulated instructions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.engines.errors import EngineFailure
from replay.engines.native.child import Child
from replay.engines.native.instruction import Operands
from replay.engines.native.memory import Space
from replay.engines.native.processor import Processor
from replay.engines.ram import GuestRam
from tests.unit.replay.engines.guests import CODE, HEAP, assemble
from tests.unit.replay.engines.native.machines import USER_REGISTERS


class Bench:
    def __init__(self, child: Child, ram: GuestRam) -> None:
        self.cpu = Processor(child.tracee)
        self.cpu.load({**USER_REGISTERS, "rdi": HEAP, "rax": 0x1122334455667788})
        self.space = Space(ram, [], self.cpu)

    def operands(self, text: str) -> Operands:
        return Operands(assemble(text), CODE, self.cpu, self.space)


@pytest.fixture
def bench() -> Iterator[Bench]:
    child, ram = Child([]), GuestRam(4 << 20)
    yield Bench(child, ram)
    child.close()
    ram.close()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("smsw rax", 0xABCDEF),
        ("smsw eax", 0xABCDEF),
        ("smsw ax", 0x112233445566CDEF),
    ],
)
def test_registers_are_written_as_wide_as_they_are_named(
    bench: Bench, text: str, after: int
) -> None:
    bench.operands(text).write(0, 0xABCDEF)
    assert bench.cpu.get("rax") == after


def test_memory_gets_16_bits(bench: Bench) -> None:
    bench.space.store(HEAP, b"\xff" * 4)
    bench.operands("smsw [rdi]").write(0, 0xABCDEF)
    assert bench.space.load(HEAP, 4) == b"\xef\xcd\xff\xff"


def test_reading(bench: Bench) -> None:
    assert bench.operands("lldt ax").read(0) == 0x7788
    bench.space.store(HEAP + 8, b"\x34\x12")
    assert bench.operands("lldt [rdi + 8]").read(0) == 0x1234
    assert bench.operands("lgdt [rdi + 16]").address(0) == HEAP + 16
    assert bench.operands("int 0x21").immediate(0) == 0x21
    assert bench.operands("mov ds, eax").register(0) == "ds"


@pytest.mark.parametrize(("text", "size"), [("pushfq", 8), ("pushfw", 2)])
def test_the_stack(bench: Bench, text: str, size: int) -> None:
    top = bench.cpu.get("rsp")
    operands = bench.operands(text)
    operands.push(0x1234)
    assert bench.cpu.get("rsp") == top - size
    assert operands.pop() == 0x1234
    assert bench.cpu.get("rsp") == top


def test_no_instruction(bench: Bench) -> None:
    with pytest.raises(EngineFailure):
        Operands(b"\x06", CODE, bench.cpu, bench.space)
