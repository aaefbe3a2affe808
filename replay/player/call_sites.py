"""The instructions of a function that lead out of it: calls, and jumps to elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ADDRESS = "0x"


@dataclass(frozen=True, slots=True)
class CallSite:
    """An instruction that may enter another function, and where a call returns to.

    ``is_jump``: it does not return; and where it leads is not always elsewhere.
    """

    address: int
    returns_to: int
    is_jump: bool = False


def call_sites(code: bytes, start: int) -> Sequence[CallSite]:
    """The calls in the instructions at ``start``, jumps out of them, and indirect jumps."""
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    disassembler = Cs(CS_ARCH_X86, CS_MODE_64)
    disassembler.skipdata = True
    found = []
    for address, size, mnemonic, operands in disassembler.disasm_lite(code, start):
        name = mnemonic.rpartition(" ")[2]  # without prefixes
        if name == "call":
            found.append(CallSite(address, address + size))
        elif name.startswith("j") and not _stays(operands, start, start + len(code)):
            found.append(CallSite(address, address + size, is_jump=True))
    return found


def _stays(operands: str, start: int, end: int) -> bool:
    return operands.startswith(_ADDRESS) and start <= int(operands, 16) < end
