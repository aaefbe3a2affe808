"""Where the memory operand of an instruction lies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from replay.engines.paging import is_canonical
from replay.engines.sites import whole_register

_U64_MAX = (1 << 64) - 1
_ADDRESS_SIZE_PREFIX = 0x67


def memory_operand(code: bytes, address: int, register: Callable[[str], int]) -> int | None:
    """The virtual address of the operand in memory of the instruction ``code`` at ``address``.

    ``register`` gives 64-bit registers and the bases ``fs_base`` and ``gs_base``. ``None`` for an
    instruction without such an operand.
    """
    import capstone

    instruction = next(_disassembler().disasm(code, address, 1), None)
    operands = [] if instruction is None else instruction.operands
    for operand in operands:
        if operand.type == capstone.x86.X86_OP_MEM:
            return operand_address(instruction, operand.mem, register)
    return None


def misses_stack(code: bytes, address: int, register: Callable[[str], int]) -> bool:
    """Whether the instruction ``code`` at ``address`` uses the stack segment at an address that is
    not canonical, which a processor reports as #SS and not as #GP."""
    instruction = next(_disassembler().disasm(code, address, 1), None)
    if instruction is None:
        return False
    places = [register("rsp") + offset for offset in _implied_offsets(instruction.mnemonic)]
    if instruction.mnemonic == "leave":
        places.append(register("rbp"))
    if _is_stack_relative(instruction):
        places.append(memory_operand(code, address, register) or 0)
    return any(not is_canonical(place & _U64_MAX) for place in places)


def _implied_offsets(mnemonic: str) -> tuple[int, ...]:
    """Where from RSP on an instruction reads or writes without an operand that says so."""
    if mnemonic.startswith(("push", "call", "enter")):
        return (-8,)
    if mnemonic.startswith(("pop", "ret", "iret")) and mnemonic != "popcnt":
        return (0,)
    return ()


def _is_stack_relative(instruction: Any) -> bool:
    import capstone

    bases = {
        instruction.reg_name(operand.mem.base)
        for operand in instruction.operands
        if operand.type == capstone.x86.X86_OP_MEM
        and operand.mem.base
        and instruction.reg_name(operand.mem.segment) not in ("fs", "gs")
    }
    return not bases.isdisjoint(("rsp", "rbp"))


def operand_address(instruction: Any, operand: Any, register: Callable[[str], int]) -> int:
    """Where a memory operand of a decoded instruction lies."""

    def value(number: int) -> int:
        name = instruction.reg_name(number) if number else ""
        if name in ("", "riz", "eiz"):
            return 0
        if name in ("rip", "eip"):
            return int(instruction.address) + int(instruction.size)
        return register(whole_register(name)[0])

    scaled = value(operand.index) * int(operand.scale)
    inside = value(operand.base) + scaled + int(operand.disp)
    inside &= (1 << 8 * int(instruction.addr_size)) - 1
    segment = instruction.reg_name(operand.segment) if operand.segment else ""
    base = register(f"{segment}_base") if segment in ("fs", "gs") else 0
    return (base + inside) & _U64_MAX


@cache
def _disassembler() -> Any:
    import capstone

    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    disassembler.detail = True
    return disassembler
