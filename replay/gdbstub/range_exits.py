"""Where code leads out of itself, so that a loop in one source line need not be stepped through."""

from __future__ import annotations

from dataclasses import dataclass

_CODE_BYTES_MAX = 1 << 16
_STRAY = frozenset(("ret", "retf", "iret", "iretd", "iretq", "syscall", "sysret", "sysexit", "int"))


@dataclass(frozen=True, slots=True)
class Exits:
    """``targets`` are addresses elsewhere that the code goes to by itself; ``stray`` those of its
    own instructions of which only a step tells where they lead."""

    targets: frozenset[int]
    stray: frozenset[int]


def exits_of(code: bytes, start: int) -> Exits | None:
    """The ways out of the instructions ``code`` at ``start``; None where they cannot be told."""
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    if len(code) > _CODE_BYTES_MAX:
        return None
    end = start + len(code)
    targets, stray = {end}, set[int]()
    at = start
    for address, size, mnemonic, operands in Cs(CS_ARCH_X86, CS_MODE_64).disasm_lite(code, start):
        at = address + size
        name = mnemonic.rpartition(" ")[2]  # without prefixes
        target = _target(name, operands)
        if name in _STRAY or (target is None and _jumps(name)):
            stray.add(address)
        elif target is not None and not start <= target < end:
            targets.add(target)
    return Exits(frozenset(targets), frozenset(stray)) if at == end else None


def _jumps(name: str) -> bool:
    return name == "call" or name.startswith(("j", "loop"))


def _target(name: str, operands: str) -> int | None:
    """Where a jump or call leads, if it says so itself."""
    if not _jumps(name) or not operands[:1].isdecimal():
        return None
    return int(operands, 0)  # small ones are written in decimal
