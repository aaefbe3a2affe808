from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from monitors.ports import Registers
from replay.engines.effects import Instruction, instruction_at
from replay.player.flow import holds, making_in_memory, making_in_register, written_memory
from replay.player.whereabouts import (
    Computed,
    Constant,
    Copied,
    InMemory,
    InRegister,
    Making,
    Unclear,
    Untouched,
)

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10")
ZERO, CARRY = 1 << 6, 1


@dataclass
class Guest:
    """Registers that count up in thousands, and memory."""

    flags: int = 2
    memory: dict[int, bytes] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    def registers(self) -> Registers:
        values = {name: 1000 * (at + 1) for at, name in enumerate(GENERAL)}
        return {**values, "rflags": self.flags, "fs_base": 0, **self.changed}

    def read(self, address: int, size: int) -> bytes | None:
        return self.memory.get(address, bytes(size))[:size]


def decoded(code: str) -> Instruction:
    found = instruction_at(bytes.fromhex(code), 0x1000)
    assert found is not None
    return found


def into(code: str, where: InRegister, guest: Guest | None = None) -> Making:
    return making_in_register(decoded(code), where, guest or Guest())


def out(code: str, where: InMemory, guest: Guest | None = None) -> Making:
    return making_in_memory(decoded(code), where, guest or Guest())


RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP = (1000 * n for n in range(1, 9))


@pytest.mark.parametrize(
    ("code", "where", "making"),
    [
        ("4889d8", InRegister("rax"), Copied(InRegister("rbx"))),
        ("89d8", InRegister("rax"), Copied(InRegister("rbx", 4))),
        ("89d8", InRegister("rax", 4, 4), Constant(4, "0: a 32-bit result clears the upper half")),
        ("88dc", InRegister("rax", 1, 1), Copied(InRegister("rbx", 1))),  # mov %bl,%ah
        ("488b07", InRegister("rax"), Copied(InMemory(RDI, 8))),
        ("488b4708", InRegister("rax", 2, 3), Copied(InMemory(RDI + 11, 2))),
        ("0fb606", InRegister("rax"), Copied(InMemory(RSI, 1))),
        ("480fbe06", InRegister("rax"), Copied(InMemory(RSI, 1))),
        ("480fbe06", InRegister("rax", 2, 3), Computed((InMemory(RSI, 1),))),
        ("b805000000", InRegister("rax", 4), Constant(4, "0x5")),
        ("31c0", InRegister("rax"), Constant(8, "0")),
        ("5b", InRegister("rbx"), Copied(InMemory(RSP, 8))),
        ("5b", InRegister("rsp"), Computed(())),
        ("c9", InRegister("rbp"), Copied(InMemory(RBP, 8))),
        ("ac", InRegister("rax"), Copied(InMemory(RSI, 1))),  # lods
        ("ac", InRegister("rsi"), Computed(())),
        ("4887d8", InRegister("rax"), Copied(InRegister("rbx"))),
        ("4887d8", InRegister("rbx"), Copied(InRegister("rax"))),
        ("488707", InRegister("rax"), Copied(InMemory(RDI, 8))),
        ("86c4", InRegister("rax", 1), Copied(InRegister("rax", 1, 1))),  # xchg %al,%ah
        ("86c4", InRegister("rax", 1, 1), Copied(InRegister("rax", 1))),
        ("480fc10f", InRegister("rcx"), Copied(InMemory(RDI, 8))),  # xadd %rcx,(%rdi)
        ("4898", InRegister("rax"), Untouched(4)),  # cdqe
        ("4898", InRegister("rax", 4, 4), Computed((InRegister("rax", 4),))),
        ("4899", InRegister("rdx"), Computed((InRegister("rax"),))),
        ("488d4308", InRegister("rax"), Computed((InRegister("rbx"),))),  # lea 8(%rbx),%rax
        ("488d0508000000", InRegister("rax"), Constant(8, "0x100f")),
        ("4801d8", InRegister("rax"), Computed((InRegister("rax"), InRegister("rbx")))),
        ("4883c005", InRegister("rax"), Computed((InRegister("rax"),))),
        ("480307", InRegister("rax"), Computed((InRegister("rax"), InMemory(RDI, 8)))),
        ("480fc8", InRegister("rax"), Computed((InRegister("rax"),))),  # bswap
        ("25ff000000", InRegister("rax", 1), Computed((InRegister("rax", 1),))),  # and, by bytes
        ("4811d8", InRegister("rax"), Computed(
            (InRegister("rax"), InRegister("rbx"), InRegister("rflags"))
        )),
        ("48f7e1", InRegister("rdx"), Computed((InRegister("rax"), InRegister("rcx")))),
        ("0f94c0", InRegister("rax", 1), Computed(())),  # sete
        ("0f1006", InRegister("xmm0", 16), Copied(InMemory(RSI, 16))),
        ("0f28c1", InRegister("xmm0", 16), Copied(InRegister("xmm1", 16))),
        ("660f6ec0", InRegister("xmm0", 16), Copied(InRegister("rax", 4))),
        ("66480f6ec0", InRegister("xmm0", 8, 8), Constant(
            8, "0: what is wider than its source is filled up"
        )),
        ("f30f1006", InRegister("xmm0", 16), Copied(InMemory(RSI, 4))),  # movss from memory
        ("f30f10c1", InRegister("xmm0", 4), Copied(InRegister("xmm1", 4))),
        ("f30f10c1", InRegister("xmm0", 8, 4), Untouched(8)),
        ("0f1606", InRegister("xmm0", 8, 8), Copied(InMemory(RSI, 8))),  # movhps
        ("0f1606", InRegister("xmm0", 16), Untouched(8)),
        ("660f6cc1", InRegister("xmm0", 8, 8), Copied(InRegister("xmm1", 8))),  # punpcklqdq
        ("660f6cc1", InRegister("xmm0", 16), Untouched(8)),
        ("660f6dc1", InRegister("xmm0", 8), Copied(InRegister("xmm0", 8, 8))),  # punpckhqdq
        ("660f70c14e", InRegister("xmm0", 16), Copied(InRegister("xmm1", 4, 8))),  # pshufd
        ("66480f3a22c001", InRegister("xmm0", 16), Untouched(8)),  # pinsrq $1
        ("66480f3a22c001", InRegister("xmm0", 8, 8), Copied(InRegister("rax", 8))),
        ("660f3a16c102", InRegister("rcx", 4), Copied(InRegister("xmm0", 4, 8))),  # pextrd $2
        ("660fefc0", InRegister("xmm0", 16), Constant(16, "0")),
        ("660ffec1", InRegister("xmm0", 16), Computed(
            (InRegister("xmm0", 16), InRegister("xmm1", 16))
        )),
    ],
)  # fmt: skip
def test_into_registers(code: str, where: InRegister, making: Making) -> None:
    assert into(code, where) == making


@pytest.mark.parametrize(
    ("code", "where", "making"),
    [
        ("488907", InMemory(RDI, 8), Copied(InRegister("rax"))),
        ("488907", InMemory(RDI + 2, 2), Copied(InRegister("rax", 2, 2))),
        ("488907", InMemory(RDI + 6, 4), Copied(InRegister("rax", 2, 6))),
        ("8827", InMemory(RDI, 1), Copied(InRegister("rax", 1, 1))),  # mov %ah,(%rdi)
        ("c70705000000", InMemory(RDI, 4), Constant(4, "0x5")),
        ("53", InMemory(RSP - 8, 8), Copied(InRegister("rbx"))),
        ("6a05", InMemory(RSP - 8, 8), Constant(8, "0x5")),
        ("ff37", InMemory(RSP - 8, 8), Copied(InMemory(RDI, 8))),  # push (%rdi)
        ("e800000000", InMemory(RSP - 8, 8), Constant(8, "return address")),
        ("f3a4", InMemory(RDI, 1), Copied(InMemory(RSI, 1))),
        ("f348a5", InMemory(RDI + 3, 2), Copied(InMemory(RSI + 3, 2))),
        ("f348ab", InMemory(RDI, 8), Copied(InRegister("rax"))),
        ("0f1107", InMemory(RDI + 8, 8), Copied(InRegister("xmm0", 8, 8))),
        ("0f1707", InMemory(RDI, 8), Copied(InRegister("xmm0", 8, 8))),  # movhps
        ("660fd607", InMemory(RDI, 8), Copied(InRegister("xmm0", 8))),
        ("488707", InMemory(RDI, 8), Copied(InRegister("rax"))),
        ("8f07", InMemory(RDI, 8), Copied(InMemory(RSP, 8))),  # pop (%rdi)
        ("0f9407", InMemory(RDI, 1), Computed(())),
        ("0107", InMemory(RDI, 4), Computed((InMemory(RDI, 4), InRegister("rax", 4)))),
        ("48ff07", InMemory(RDI, 8), Computed((InMemory(RDI, 8),))),
        ("0f4307", InMemory(0x10, 1), Unclear(
            "it does not write there itself: a processor's own write"
        )),
        ("90", InMemory(0x10, 1), Unclear("it writes memory in a way that is not known here")),
    ],
)  # fmt: skip
def test_into_memory(code: str, where: InMemory, making: Making) -> None:
    assert out(code, where) == making


def test_conditional_moves() -> None:
    where = InRegister("rax")
    taken = into("480f44c3", where, Guest(flags=ZERO))  # cmove %rbx,%rax
    assert taken == Copied(InRegister("rbx"))
    assert into("480f44c3", where, Guest(flags=0)) == Untouched(8)


def test_compare_and_exchange() -> None:
    code, memory = "480fb10f", {RDI: RAX.to_bytes(8, "little")}  # cmpxchg %rcx,(%rdi)
    equal, other = Guest(memory=memory), Guest()
    assert out(code, InMemory(RDI, 8), equal) == Copied(InRegister("rcx"))
    assert out(code, InMemory(RDI, 8), other) == Untouched(8)
    assert into(code, InRegister("rax"), other) == Copied(InMemory(RDI, 8))


@pytest.mark.parametrize(
    ("condition", "flags", "expected"),
    [
        ("e", ZERO, True),
        ("ne", ZERO, False),
        ("b", CARRY, True),
        ("ae", CARRY, False),
        ("a", 0, True),
        ("be", CARRY, True),
        ("l", 1 << 7, True),
        ("ge", 1 << 7 | 1 << 11, True),
        ("g", 0, True),
        ("le", ZERO, True),
        ("s", 1 << 7, True),
        ("ns", 1 << 7, False),
        ("o", 1 << 11, True),
        ("no", 0, True),
        ("p", 1 << 2, True),
        ("np", 0, True),
        ("unknown", 0, False),
    ],
)
def test_conditions(condition: str, flags: int, expected: bool) -> None:
    assert holds(condition, flags) == expected


def test_memory_that_is_written() -> None:
    assert written_memory(decoded("488907"), Guest()) == InMemory(RDI, 8)
    assert written_memory(decoded("53"), Guest()) == InMemory(RSP - 8, 8)
    assert written_memory(decoded("90"), Guest()) is None
