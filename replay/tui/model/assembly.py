"""Instructions as text in spans, and what can be told from that text: where one leads, and what
memory it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from replay.tui.model.rows import Line, Role, Span, Target, ToCode, ToRegister, visible

_WORD = (1 << 64) - 1
_JUMP = re.compile(r"(?:\w+ )*(?:call|jmp|j[a-z]{1,4}|loop[a-z]{0,2}|xbegin)q?")
_DIRECT = re.compile(r"\$?(0x[0-9a-f]{1,16}|[0-9]{1,20})")
_BY_RIP = re.compile(
    r"\[rip(?: (?P<sign>[+-]) (?P<offset>0x[0-9a-f]{1,16}|[0-9]{1,20}))?\]"
    r"|(?P<att>-?(?:0x[0-9a-f]{1,16}|[0-9]{1,20}))?\(%rip\)"
)
_TOKEN = re.compile(
    r"(?P<number>\$?-?\b(?:0x[0-9a-f]+|[0-9]+)\b)"
    r"|%?(?P<word>[a-z][a-z0-9]*)"
    r"|[^a-z0-9$%-]+|."
)


def _registers() -> Mapping[str, str]:
    found = {"rip": "rip", "eip": "rip"}
    for letter in "abcd":
        names = f"r{letter}x", f"e{letter}x", f"{letter}x", f"{letter}l", f"{letter}h"
        found |= dict.fromkeys(names, f"r{letter}x")
    for name in ("si", "di", "bp", "sp"):
        found |= dict.fromkeys((f"r{name}", f"e{name}", name, f"{name}l"), f"r{name}")
    for number in range(8, 16):
        found |= {f"r{number}{size}": f"r{number}" for size in ("", "d", "w", "b")}
    for number in range(16):
        found |= {f"{kind}mm{number}": f"xmm{number}" for kind in "xy"}
    return found | {name: name for name in ("cr0", "cr2", "cr3", "cr4", "cr8")}


REGISTER_OF: Mapping[str, str] = _registers()
"""The register that a name in an instruction is of or a part of, as the guest's are called."""

_OTHER_REGISTERS = frozenset({"cs", "ds", "es", "fs", "gs", "ss", "st", "riz"})
_SIZES = frozenset({"byte", "word", "dword", "qword", "tbyte", "xmmword", "ymmword", "ptr"})


def leads_to(mnemonic: str, operands: str) -> int | None:
    """The address that a jump or call names itself."""
    direct = _DIRECT.fullmatch(operands)
    if direct is None or not _JUMP.fullmatch(mnemonic):
        return None
    return int(direct[1], 0) & _WORD


def is_call(mnemonic: str) -> bool:
    """Whether it comes back behind itself, as a rule."""
    return mnemonic.rpartition(" ")[2] in ("call", "callq")


def names_memory(operands: str, behind: int) -> int | None:
    """The address of an operand relative to RIP, for an instruction that ends at ``behind``."""
    found = _BY_RIP.search(operands)
    if found is None:
        return None
    offset = int(found["att"] or found["offset"] or "0", 0)
    return (behind - offset if found["sign"] == "-" else behind + offset) & _WORD


def instruction_spans(mnemonic: str, operands: str, to: int | None = None) -> Line:
    """The text of an instruction; ``to`` is where it leads."""
    spans = [Span(visible(mnemonic), Role.MNEMONIC)]
    if not operands:
        return tuple(spans)
    spans.append(Span(" " * max(1, 8 - len(mnemonic))))
    if to is not None:
        return (*spans, Span(visible(operands), Role.ADDRESS, ToCode(to)))
    spans += (_operand(found) for found in _TOKEN.finditer(operands))
    return tuple(spans)


def _operand(found: re.Match[str]) -> Span:
    text, word = visible(found.group()), found["word"]
    if found["number"]:
        return Span(text, Role.NUMBER)
    if word is None:
        return Span(text)
    if word in REGISTER_OF:
        target: Target = ToRegister(REGISTER_OF[word])
        return Span(text, Role.NAME, target)
    if word in _OTHER_REGISTERS:
        return Span(text, Role.NAME)
    return Span(text, Role.DIM if word in _SIZES else Role.TEXT)
