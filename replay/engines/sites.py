"""Finding the instructions that an engine must not simply execute.

A *site* is an instruction that crosses to the host (port I/O, ``hlt``), reads something
nondeterministic (``rdtsc``, ``rdrand``, ``cpuid`` …), or computes something that an engine cannot
reproduce (VEX and EVEX encodings). Capstone decodes; nothing here executes or patches.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitors.ports import TrapKind


class SiteKind(enum.Enum):
    """What an engine has to do at a site."""

    OUT = "out"
    IN = "in"
    HLT = "hlt"
    TRAP = "trap"
    RDMSR = "rdmsr"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Site:
    """One such instruction: where, how long, and its decoded operands.

    ``port`` is ``None`` when DX holds it; ``size`` is the access width of port I/O in bytes;
    ``register`` and ``bits`` are the destination of RDRAND and RDSEED.
    """

    kind: SiteKind
    address: int
    length: int
    text: str
    port: int | None = None
    size: int = 0
    trap: TrapKind | None = None
    register: str = "rax"
    bits: int = 64


_LEGACY_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
_VECTOR_ESCAPES = frozenset(b"\xc4\xc5\x62")
_TRAPS = {kind.value: kind for kind in TrapKind}
_STRING_IO = re.compile(r"(?:rep\w* )?(in|out)s([bwd])")
_WIDTHS = {"b": 1, "w": 2, "d": 4, "al": 1, "ax": 2, "eax": 4}
_INTERESTING = re.compile(
    rb"\x0f[\x01\x31\x32\x33\xa2\xc7]|[\x62\x6c-\x6f\xc4\xc5\xe4-\xe7\xec-\xef\xf4]", re.DOTALL
)
_REFUSED = {"rdpmc": "performance counters differ from run to run"}


def may_hold_site(code: bytes) -> bool:
    """A quick test that has no false negatives: whether ``code`` is worth disassembling."""
    return _INTERESTING.search(code) is not None


def find_sites(code: bytes, address: int) -> list[Site]:
    """The sites among the instructions of ``code``, which begins at an instruction."""
    sites = []
    for at, length, mnemonic, operands in _disassembler().disasm_lite(code, address):
        start = at - address
        site = _site(at, code[start : start + length], mnemonic, operands)
        if site is not None:
            sites.append(site)
    return sites


def straight_line(code: bytes, address: int) -> int:
    """How many bytes of ``code`` run before control can leave: up to the first branch."""
    end = 0
    for at, length, mnemonic, _ in _disassembler().disasm_lite(code, address):
        end = at + length - address
        if mnemonic[0] == "j" or mnemonic in ("call", "ret", "retf", "retfq", "iretq", "loop"):
            break
    return end


@cache
def _disassembler() -> Any:
    import capstone

    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


def _site(address: int, code: bytes, mnemonic: str, operands: str) -> Site | None:
    text = f"{mnemonic} {operands}".strip()
    length = len(code)
    if _is_vector_encoded(code) or mnemonic in _REFUSED:
        return Site(SiteKind.REFUSE, address, length, text)
    if mnemonic in _TRAPS:
        return _trap_site(address, length, text, operands)
    if mnemonic in ("out", "in"):
        return _port_site(address, length, text, operands)
    if match := _STRING_IO.fullmatch(mnemonic):
        kind = SiteKind.IN if match[1] == "in" else SiteKind.OUT
        return Site(kind, address, length, text, size=_WIDTHS[match[2]])
    if mnemonic in ("hlt", "rdmsr"):
        return Site(SiteKind(mnemonic), address, length, text)
    return None


def _is_vector_encoded(code: bytes) -> bool:
    for byte in code:
        if byte not in _LEGACY_PREFIXES:
            return byte in _VECTOR_ESCAPES
    return False


def _trap_site(address: int, length: int, text: str, operands: str) -> Site:
    trap = _TRAPS[text.split(maxsplit=1)[0]]
    if not operands:
        return Site(SiteKind.TRAP, address, length, text, trap=trap)
    register, bits = whole_register(operands)
    return Site(SiteKind.TRAP, address, length, text, trap=trap, register=register, bits=bits)


def _port_site(address: int, length: int, text: str, operands: str) -> Site:
    mnemonic = text.split(maxsplit=1)[0]
    first, second = (part.strip() for part in operands.split(","))
    port, data = (first, second) if mnemonic == "out" else (second, first)
    number = None if port == "dx" else int(port, 0)
    return Site(SiteKind(mnemonic), address, length, text, port=number, size=_WIDTHS[data])


def whole_register(name: str) -> tuple[str, int]:
    """The 64-bit register that holds ``name``, and the width of ``name`` in bits."""
    if name[1:].rstrip("dw").isdigit():
        bits = {"d": 32, "w": 16}.get(name[-1], 64)
        return name.rstrip("dw"), bits
    if name[0] in "er":
        return "r" + name[1:], 64 if name[0] == "r" else 32
    return "r" + name, 16
