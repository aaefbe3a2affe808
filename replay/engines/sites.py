"""Finding the instructions that an engine must not simply execute.

A *site* is an instruction that crosses to the host (port I/O, ``hlt``), reads something
nondeterministic (``rdtsc``, ``rdrand``, ``cpuid`` …), computes something that an engine cannot
reproduce (VEX and EVEX encodings), or may change what processor the rest of the guest runs on.
Capstone decodes; nothing here executes or patches.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitors.ports import TrapKind
from replay.engines.disassembly import Decoded, decoder


class SiteKind(enum.Enum):
    """What an engine has to do at a site.

    ``CONTROL`` instructions act on the processor's mode, tables or protection, or tell which tables
    it uses: an engine that does not run on a real processor judges them before they execute.
    ``INVALID`` ones are opcodes that the virtual processor lacks, whatever an emulator makes of
    them. ``PAUSE`` does nothing, but an emulator may take it as a hint to leave its loop.
    ``EMULATE`` and ``REWRITE`` concern an engine that runs guests as processes on a newer
    processor: the first would show or do other things than in ring 0 of the virtual processor, the
    second becomes right without its first prefix.
    """

    OUT = "out"
    IN = "in"
    HLT = "hlt"
    TRAP = "trap"
    RDMSR = "rdmsr"
    CONTROL = "control"
    INVALID = "invalid"
    PAUSE = "pause"
    REFUSE = "refuse"
    EMULATE = "emulate"
    REWRITE = "rewrite"

    # Members are the same only when they are one object, and Enum's own hash is slow.
    __hash__ = object.__hash__


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
    code: bytes
    port: int | None = None
    size: int = 0
    trap: TrapKind | None = None
    register: str = "rax"
    bits: int = 64


_LEGACY = rb"[\x26\x2e\x36\x3e\x64-\x67\xf0\xf2\xf3]"
_PREFIXES = rb"[\x26\x2e\x36\x3e\x40-\x4f\x64-\x67\xf0\xf2\xf3]*"
_OPCODES = (
    rb"\xf3" + _PREFIXES + rb"\x90|"
    rb"\x0f[\x01\x05\x07\x20-\x23\x30-\x35\xa2\xae\xc7]"
    rb"|\xff[\x18-\x1f\x28-\x2f\x58-\x5f\x68-\x6f\x98-\x9f\xa8-\xaf]"
    rb"|[\x62\x6c-\x6f\xc4\xc5\xca\xcb\xcf\xe4-\xe7\xec-\xef\xf4]"
)
_INTERESTING = re.compile(_OPCODES, re.DOTALL)
_START = re.compile(rb"%b(?:%b)" % (_PREFIXES, _OPCODES), re.DOTALL)
_VECTOR = re.compile(rb"%b*[\xc4\xc5\x62]" % _LEGACY, re.DOTALL)
_FAR_TRANSFER = re.compile(rb"%b\xff" % _PREFIXES, re.DOTALL)
_UNDECODED = re.compile(
    rb"%b(?:\x0f[\x05\x07\x22\x23\x30-\x35\xa2]|[\x6c-\x6f\xca\xcb\xcf\xe4-\xe7"
    rb"\xec-\xef\xf4]|\x0f\x01[\xc8\xc9\xf9]|\x0f\xc7[\xf0-\xff])" % _PREFIXES,
    re.DOTALL,
)

_TRAPS = {kind.value: kind for kind in TrapKind}
_STRING_IO = re.compile(r"(?:rep\w* )?(in|out)s([bwd])")
_WIDTHS = {"b": 1, "w": 2, "d": 4, "al": 1, "ax": 2, "eax": 4}
_REFUSED = frozenset(("rdpmc",))
_INVALID = frozenset(("monitor", "mwait"))
_CONTROL = frozenset(
    (
        *("wrmsr", "iret", "iretd", "iretq", "retf", "retfq", "lcall", "ljmp"),
        *("syscall", "sysret", "sysretq", "sysenter", "sysexit", "sysexitq"),
        *("ldmxcsr", "fxrstor", "fxrstor64"),
    )
)
_CONTROL_MOVE = re.compile(r"[cd]r\d+,|\w+, cr3$")
LONGEST_INSTRUCTION = 15


def may_hold_site(code: bytes) -> bool:
    """A quick test that has no false negatives: whether ``code`` is worth disassembling."""
    return _INTERESTING.search(code) is not None


def find_sites(code: bytes, address: int) -> list[Site]:
    """The sites among the instructions of ``code``, which begins at an instruction."""
    return list(_sites_of(decode(code, address), code, address))


def block_sites(code: bytes, address: int, instructions: int = 0) -> list[Site]:
    """The sites of a block of ``instructions`` (0: not known) that another decoder has delimited.

    Where Capstone sees other instructions in it, every byte counts as the start of one: a stop that
    is never reached costs nothing, one that is missing costs exactness.
    """
    decoded = decode(code, address)
    agree = sum(length for _, length, _, _ in decoded) == len(code)
    if agree and instructions in (0, len(decoded)):
        return list(_sites_of(decoded, code, address))
    tails = (code[start : start + LONGEST_INSTRUCTION] for start in range(len(code)))
    found = (site_at(tail, address + start) for start, tail in enumerate(tails))
    return [site for site in found if site is not None]


def site_at(code: bytes, address: int) -> Site | None:
    """The site that the first instruction of ``code`` is, if it is one."""
    if not _START.match(code):
        return None
    decoded = decode(code[:LONGEST_INSTRUCTION], address, count=1)
    if decoded:
        return next(_sites_of(decoded, code, address), None)
    return undecoded_site(code, address)


def decode(code: bytes, address: int, count: int = 0) -> list[Decoded]:
    """Address, length, mnemonic and operands of up to ``count`` (0: all) instructions, as far as
    they can be decoded."""
    return decoder()(bytes(code), address, count)


def site_of(code: bytes, address: int, mnemonic: str, operands: str) -> Site | None:
    """The site that a decoded instruction is, if it is one."""
    return _site(address, code, mnemonic, operands)


def undecoded_site(code: bytes, address: int) -> Site | None:
    """The site at the start of bytes that cannot be decoded."""
    if match := _VECTOR.match(code):
        return Site(SiteKind.REFUSE, address, match.end(), "(a VEX or EVEX encoding)", match[0])
    if match := _UNDECODED.match(code):
        return Site(SiteKind.INVALID, address, match.end(), "(an invalid opcode)", match[0])
    return None


def _sites_of(decoded: list[Decoded], code: bytes, address: int) -> Iterator[Site]:
    start = 0
    for _, length, mnemonic, operands in decoded:
        site = _site(address + start, code[start : start + length], mnemonic, operands)
        if site is not None:
            yield site
        start += length


def _site(address: int, code: bytes, mnemonic: str, operands: str) -> Site | None:
    text = f"{mnemonic} {operands}".strip()
    kind = _simple_kind(code, mnemonic, operands)
    if kind is not None:
        return Site(kind, address, len(code), text, code)
    if mnemonic in _TRAPS:
        return _trap_site(address, code, mnemonic, operands)
    if mnemonic in ("out", "in"):
        return _port_site(address, code, mnemonic, operands)
    if match := _STRING_IO.fullmatch(mnemonic):
        direction = SiteKind.IN if match[1] == "in" else SiteKind.OUT
        return Site(direction, address, len(code), text, code, size=_WIDTHS[match[2]])
    return None


def _simple_kind(code: bytes, mnemonic: str, operands: str) -> SiteKind | None:
    """The kind of a site whose operands do not matter here."""
    if _VECTOR.match(code) or mnemonic in _REFUSED:
        return SiteKind.REFUSE
    if mnemonic in _INVALID:
        return SiteKind.INVALID
    if mnemonic in ("hlt", "rdmsr", "pause"):
        return SiteKind(mnemonic)
    if mnemonic in _CONTROL or (mnemonic == "mov" and _CONTROL_MOVE.match(operands)):
        return SiteKind.CONTROL
    if mnemonic in ("call", "jmp") and _START.match(code) and _FAR_TRANSFER.match(code):
        return SiteKind.CONTROL
    return None


def _trap_site(address: int, code: bytes, mnemonic: str, operands: str) -> Site:
    trap, text = _TRAPS[mnemonic], f"{mnemonic} {operands}".strip()
    register, bits = whole_register(operands) if operands else ("rax", 64)
    return Site(
        SiteKind.TRAP, address, len(code), text, code, trap=trap, register=register, bits=bits
    )


def _port_site(address: int, code: bytes, mnemonic: str, operands: str) -> Site:
    first, second = (part.strip() for part in operands.split(","))
    port, data = (first, second) if mnemonic == "out" else (second, first)
    number = None if port == "dx" else int(port, 0)
    text = f"{mnemonic} {operands}"
    size = _WIDTHS[data]
    return Site(SiteKind(mnemonic), address, len(code), text, code, port=number, size=size)


def whole_register(name: str) -> tuple[str, int]:
    """The 64-bit register that holds ``name``, and the width of ``name`` in bits."""
    if name[1:].rstrip("dw").isdigit():
        bits = {"d": 32, "w": 16}.get(name[-1], 64)
        return name.rstrip("dw"), bits
    if name[0] in "er":
        return "r" + name[1:], 64 if name[0] == "r" else 32
    return "r" + name, 16
