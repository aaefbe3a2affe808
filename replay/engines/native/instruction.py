"""The operands of one instruction that is executed here."""

from __future__ import annotations

from functools import cache
from typing import Any

from replay.engines.errors import EngineFailure
from replay.engines.native.memory import Space
from replay.engines.native.processor import SELECTORS, Processor
from replay.engines.operands import operand_address
from replay.engines.sites import whole_register

_U64 = (1 << 64) - 1
_HIGH_BYTES = ("ah", "bh", "ch", "dh")


class Operands:
    """Reads and writes them, in registers or in the guest's memory."""

    def __init__(self, code: bytes, address: int, processor: Processor, space: Space) -> None:
        instruction = next(_disassembler().disasm(code, address, 1), None)
        if instruction is None:
            raise EngineFailure(f"no instruction at {address:#x}: {code.hex()}")
        self.instruction = instruction
        self._cpu, self._space = processor, space
        self.width = 2 if 0x66 in bytes(instruction.prefix) else 8

    def register(self, index: int) -> str:
        """The name of the register that operand ``index`` is; empty for another operand."""
        import capstone

        operand = self.instruction.operands[index]
        is_register = operand.type == capstone.x86.X86_OP_REG
        return str(self.instruction.reg_name(operand.reg)) if is_register else ""

    def immediate(self, index: int) -> int:
        """The constant that operand ``index`` is."""
        return int(self.instruction.operands[index].imm) & _U64

    def has_operands(self) -> bool:
        """Whether there are any."""
        return bool(self.instruction.operands)

    def address(self, index: int) -> int:
        """Where the operand in memory lies."""
        operand = self.instruction.operands[index]
        return operand_address(self.instruction, operand.mem, self._cpu.get)

    def read(self, index: int) -> int:
        """The value of a register or of memory."""
        name = self.register(index)
        if not name:
            size = int(self.instruction.operands[index].size)
            return int.from_bytes(self._space.load(self.address(index), size), "little")
        if _is_special(name):
            return self._cpu.get(name)
        whole, bits = whole_register(name)
        return self._cpu.get(whole) & ((1 << bits) - 1)

    def write(self, index: int, value: int) -> None:
        """Change a register, as wide as it is named, or memory: selectors and status words are
        16 bits there."""
        name = self.register(index)
        if not name:
            size = min(int(self.instruction.operands[index].size), 2)
            self._space.store(self.address(index), (value & 0xFFFF).to_bytes(2, "little")[:size])
            return
        whole, bits = whole_register(name)
        if bits == 16:
            value = self._cpu.get(whole) & ~0xFFFF | value & 0xFFFF
        self._cpu.set(whole, value & ((1 << max(bits, 32)) - 1) if bits != 16 else value)

    def push(self, value: int) -> None:
        """Put a value of ``width`` bytes on the stack."""
        top = (self._cpu.get("rsp") - self.width) & _U64
        self._space.check_stack(top)
        masked = value & ((1 << 8 * self.width) - 1)
        self._space.store(top, masked.to_bytes(self.width, "little"))
        self._cpu.set("rsp", top)

    def pop(self) -> int:
        """Take a value of ``width`` bytes from the stack."""
        top = self._cpu.get("rsp")
        self._space.check_stack(top)
        value = int.from_bytes(self._space.load(top, self.width), "little")
        self._cpu.set("rsp", (top + self.width) & _U64)
        return value


def _is_special(name: str) -> bool:
    return name in SELECTORS or name[:2] in ("cr", "dr")


@cache
def _disassembler() -> Any:
    import capstone

    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    disassembler.detail = True
    return disassembler


def disassemble(code: bytes, address: int) -> Any:
    """The first instruction of ``code`` with its operands, or ``None``."""
    return next(_disassembler().disasm(code, address, 1), None)
