"""Finding the sites of a whole region, in which there may be data too.

Linkers put constants behind the code of the same segment, and a breakpoint in those would change
what the guest reads. So the region is taken for instructions one behind the other, cut into
*stretches* that begin where control can arrive and end where it leaves for good; a stretch with
anything in it that no compiler writes is data, and keeps its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from replay.engines.sensitive import classify
from replay.engines.sites import Site
from replay.engines.survey import (
    BEGINS,
    IMPLAUSIBLE,
    KNOWN,
    LAST,
    SITE,
    TARGET,
    UNDECODED,
    Instruction,
    Surveyor,
    code_sites,
)

_LAST = frozenset(("ret", "jmp", "ud2", "hlt", "iretq", "retfq", "int3"))
_IMPLAUSIBLE = frozenset(
    (
        *("insb", "insd", "insw", "outsb", "outsd", "outsw", "rep outsb", "rep outsd"),
        *("rep insb", "rep insd", "retf", "ljmp", "lcall", "iretd", "iret", "xlatb"),
        *("fbld", "fbstp", "enter", UNDECODED),
    )
)
_ZEROS = b"\0\0"  # add %al,(%rax)
_SELECTOR_MOVES = frozenset((0x8C, 0x8E))
_TARGETS_AS_KNOWN = bytes(mark | KNOWN if mark & TARGET else mark for mark in range(256))
_NOTHING_BUT_KNOWN = bytes(mark & KNOWN for mark in range(256))
_KNOWN_INSIDE = re.compile(
    b"[%b]" % bytes(mark for mark in range(8) if mark & KNOWN and not mark & BEGINS)
)


def sweep(code: bytes, address: int, starts: Iterable[int]) -> list[Site]:
    """The sites in ``code``, which begins at ``address``; it is known to hold instructions at
    ``starts``."""
    marks = bytearray(len(code))
    for start in starts:
        if address <= start < address + len(code):
            marks[start - address] = KNOWN
    judge = SweepJudge()
    surveyor = Surveyor(code, address, judge)
    surveyor.walk(marks)
    marks = marks.translate(_TARGETS_AS_KNOWN)
    if _KNOWN_INSIDE.search(marks):
        marks = marks.translate(_NOTHING_BUT_KNOWN)
        surveyor.walk(marks)
    return [judge.sites[address + offset] for offset in code_sites(marks)]


class SweepJudge:
    """Tells what instructions are, and keeps the ``sites`` among them by address."""

    def __init__(self) -> None:
        self.sites: dict[int, Site] = {}

    def __call__(self, one: Instruction) -> int:
        mark = LAST if one.mnemonic in _LAST else 0
        if _is_implausible(one):
            return mark | IMPLAUSIBLE
        site = classify(one.code, one.address, one.mnemonic, one.operands)
        if site is None:
            return mark
        self.sites[one.address] = site
        return mark | SITE


def _is_implausible(one: Instruction) -> bool:
    if one.mnemonic in _IMPLAUSIBLE or one.code == _ZEROS:
        return True
    if one.code[0] == 0xFF and one.operands.startswith("ptr "):
        return True
    return one.code[0] in _SELECTOR_MOVES and one.code[1] < 0xC0
