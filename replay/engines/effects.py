"""What an instruction reads and writes: its operands as plain values.

Capstone's lists have gaps, which are filled here: a system call's registers, CMPXCHG's accumulator,
and all that is wrong about the direction of memory operands, which users have to know by mnemonic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple

from replay.engines.sites import LONGEST_INSTRUCTION

_U64_MAX = (1 << 64) - 1
_KNOWN_MAX = 1 << 14
_READ, _WRITE = 1, 2
_LETTERS = {"a": "rax", "b": "rbx", "c": "rcx", "d": "rdx"}
_POINTERS = ("si", "di", "bp", "sp", "ip")
_SUFFIXES = {"d": 4, "w": 2, "b": 1}
_IMPLIED_WRITES = {
    "syscall": ("rax", "rcx", "r11"),
    "sysenter": ("rax", "rcx", "r11"),
    "int": ("rax", "rcx", "r11"),
    "rdtscp": ("rax", "rdx", "rcx"),
    "cmpxchg": ("rax",),
    "enter": ("rbp", "rsp"),
}
_STRINGS = ("movs", "stos", "lods", "cmps", "scas", "ins", "outs")
_LEAVING = ("call", "ret", "jmp", "loop", "iret", "lcall", "ljmp", "retf")


class Part(NamedTuple):
    """Bytes ``low`` up to ``high`` of a whole register: ``ah`` is ``Part("rax", 1, 2)``."""

    register: str
    low: int
    high: int

    def overlaps(self, other: Part) -> bool:
        """Whether both have a byte in common."""
        same = self.register == other.register
        return same and self.low < other.high and other.low < self.high


@dataclass(frozen=True, slots=True)
class RegisterOperand:
    """A register, as wide as the instruction names it."""

    part: Part
    is_read: bool
    is_written: bool


@dataclass(frozen=True, slots=True)
class MemoryOperand:
    """``size`` bytes at base + index * scale + displacement; empty names where there is none."""

    size: int
    base: str
    index: str
    scale: int
    displacement: int
    segment: str
    address_mask: int

    @property
    def registers(self) -> tuple[str, ...]:
        """The general registers that the address depends on."""
        return tuple(name for name in (self.base, self.index) if name)

    def address(self, registers: Mapping[str, int]) -> int:
        """Where it lies, for the registers as they are before the instruction."""
        base = registers[self.base] if self.base else 0
        index = registers[self.index] * self.scale if self.index else 0
        inside = (base + index + self.displacement) & self.address_mask
        return (registers[self.segment] + inside if self.segment else inside) & _U64_MAX


@dataclass(frozen=True, slots=True)
class Immediate:
    """A number in the code."""

    value: int


Operand = RegisterOperand | MemoryOperand | Immediate


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. ``mnemonic`` is without prefixes. ``writes`` are the parts of registers that
    it changes, where a 32-bit one counts with its upper half, which becomes zero."""

    address: int
    size: int
    mnemonic: str
    operands: tuple[Operand, ...]
    writes: tuple[Part, ...]
    reads: tuple[Part, ...]
    is_repeated: bool = False
    leaves: bool = False
    """Whether what follows it in memory may not be what is executed next."""
    code: bytes = field(default=b"", repr=False)

    @property
    def is_string(self) -> bool:
        """Whether it goes through memory by RSI and RDI."""
        stem = self.mnemonic[:-1]
        if stem not in _STRINGS:
            return False
        return all(isinstance(each, MemoryOperand) for each in self.operands) or stem != "movs"

    def changes(self, part: Part) -> bool:
        """Whether it writes some of a register's part."""
        return any(part.overlaps(each) for each in self.writes)


def part_of(name: str) -> Part | None:
    """The bytes that a register's name stands for; None for one that is not followed."""
    if name.startswith("xmm"):
        return Part(name, 0, 16)
    if name[1:].rstrip("dwb").isdigit() and name[0] == "r":
        return Part(name.rstrip("dwb"), 0, _SUFFIXES.get(name[-1], 8))
    if name in ("rflags", "eflags"):
        return Part("rflags", 0, 8)
    stem = name[1:] if name[0] in "re" else name
    width = {"r": 8, "e": 4}.get(name[0], 2) if stem != name else 2
    if stem in _POINTERS:
        return Part("r" + stem, 0, width)
    if len(stem) == 2 and stem[1] == "x" and stem[0] in _LETTERS:
        return Part(_LETTERS[stem[0]], 0, width)
    if len(name) == 2 and name[1] in "lh" and name[0] in _LETTERS:
        low = 1 if name[1] == "h" else 0
        return Part(_LETTERS[name[0]], low, low + 1)
    if name[-1:] == "l" and name[:-1] in _POINTERS:
        return Part("r" + name[:-1], 0, 1)
    return None


@lru_cache(_KNOWN_MAX)
def instruction_at(code: bytes, address: int) -> Instruction | None:
    """The first instruction of ``code``, which lies at ``address``; None for one that cannot be
    decoded."""
    decoded = next(_disassembler().disasm(code[:LONGEST_INSTRUCTION], address, 1), None)
    if decoded is None:
        return None
    words = decoded.mnemonic.split()
    operands = tuple(_operands(decoded))
    read, written = decoded.regs_access()
    names = [*map(decoded.reg_name, written), *_IMPLIED_WRITES.get(words[-1], ())]
    if words[-1] == "cmpxchg" and isinstance(operands[0], RegisterOperand):
        names.append(decoded.reg_name(decoded.operands[0].reg))
    return Instruction(
        address=int(decoded.address),
        size=int(decoded.size),
        mnemonic=words[-1],
        operands=operands,
        writes=_parts(names, widened=True),
        reads=_parts(list(map(decoded.reg_name, read)), widened=False),
        is_repeated=words[0].startswith("rep"),
        leaves=words[-1].startswith(("j", *_LEAVING)),
        code=bytes(decoded.bytes),
    )


def _operands(decoded: Any) -> Iterator[Operand]:
    import capstone

    for each in decoded.operands:
        if each.type == capstone.x86.X86_OP_MEM:
            yield _memory(decoded, each)
        elif each.type == capstone.x86.X86_OP_REG:
            name = decoded.reg_name(each.reg)
            part = part_of(name) or Part(name, 0, int(each.size))
            yield RegisterOperand(part, bool(each.access & _READ), bool(each.access & _WRITE))
        else:
            yield Immediate(int(each.imm))


def _memory(decoded: Any, operand: Any) -> MemoryOperand:
    place = operand.mem
    base, displacement = _whole(decoded, place.base), int(place.disp)
    if base == "rip":
        base, displacement = "", displacement + int(decoded.address) + int(decoded.size)
    segment = decoded.reg_name(place.segment) if place.segment else ""
    return MemoryOperand(
        size=int(operand.size),
        base=base,
        index=_whole(decoded, place.index),
        scale=int(place.scale),
        displacement=displacement,
        segment=f"{segment}_base" if segment in ("fs", "gs") else "",
        address_mask=(1 << 8 * int(decoded.addr_size)) - 1,
    )


def _whole(decoded: Any, number: int) -> str:
    part = part_of(decoded.reg_name(number)) if number else None
    return "" if part is None else part.register


def _parts(names: list[str], *, widened: bool) -> tuple[Part, ...]:
    found = []
    for name in names:
        part = part_of(name)
        if part is None:
            continue
        if widened and part.high - part.low == 4:
            part = part._replace(high=8)
        if part not in found:
            found.append(part)
    return tuple(found)


@cache
def _disassembler() -> Any:
    import capstone

    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    disassembler.detail = True
    return disassembler
