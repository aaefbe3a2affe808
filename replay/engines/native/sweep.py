"""Finding the sites of a whole region, in which there may be data too.

Linkers put constants behind the code of the same segment, and a breakpoint in those would change
what the guest reads. So the region is taken for instructions one behind the other, cut into
*stretches* that begin where control can arrive and end where it leaves for good; a stretch with
anything in it that no compiler writes is data, and keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from replay.engines.native.sensitive import classify
from replay.engines.sites import LONGEST_INSTRUCTION, Site, decode

_CHUNK_BYTES = 1 << 16
_LAST = frozenset(("ret", "jmp", "ud2", "hlt", "iretq", "retfq", "int3"))
_IMPLAUSIBLE = frozenset(
    (
        *("insb", "insd", "insw", "outsb", "outsd", "outsw", "rep outsb", "rep outsd"),
        *("rep insb", "rep insd", "retf", "ljmp", "lcall", "iretd", "iret", "xlatb"),
        *("fbld", "fbstp", "enter"),
    )
)
_ZEROS = b"\0\0"  # add %al,(%rax)
_SELECTOR_MOVES = frozenset((0x8C, 0x8E))
_UNDECODED = ""
_BRANCHES = ("c", "j")


class _Decoded(NamedTuple):
    address: int
    code: bytes
    mnemonic: str
    operands: str


def sweep(code: bytes, address: int, starts: Collection[int]) -> list[Site]:
    """The sites in ``code``, which begins at ``address``; it is known to hold instructions at
    ``starts``."""
    known = set(starts) | _targets(code, address, starts)
    found: list[Site] = []
    stretch = _Stretch()
    for one in _decoded(code, address, known):
        if one.address in known:
            found += stretch.sites()
            stretch = _Stretch(trusted=True)
        if _is_implausible(one):
            stretch.end_trust()
        elif site := classify(one.code, one.address, one.mnemonic, one.operands):
            stretch.add(site)
        if one.mnemonic in _LAST:
            found += stretch.sites()
            stretch = _Stretch()
    return found + stretch.sites()


class _Stretch:
    """Sites of one stretch. A ``trusted`` one begins where something leads, so all before the first
    implausible instruction is code; another one is code as a whole or not at all."""

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._sound = True
        self._sites: list[Site] = []

    def add(self, site: Site) -> None:
        if self._sound:
            self._sites.append(site)

    def end_trust(self) -> None:
        self._sound = False

    def sites(self) -> list[Site]:
        return self._sites if self._sound or self._trusted else []


def _targets(code: bytes, address: int, starts: Collection[int]) -> set[int]:
    """Where calls and jumps lead from stretches that look like code as a whole."""
    found: set[int] = set()
    leads: set[int] = set()
    sound = True
    for one in _decoded(code, address, starts):
        if one.mnemonic[:1] in _BRANCHES and one.operands.startswith("0x"):
            leads.add(int(one.operands, 16))
        sound = sound and not _is_implausible(one)
        if one.mnemonic in _LAST:
            found |= leads if sound else set()
            leads, sound = set(), True
    return {target for target in found if address <= target < address + len(code)}


def _decoded(code: bytes, address: int, starts: Collection[int]) -> Iterator[_Decoded]:
    """Every instruction, and every byte that is none. Decoding begins anew at each of ``starts``
    that an instruction lies across."""
    begin, end = address, address + len(code)
    edges = [*sorted(start for start in starts if start > address), end]
    number = 0
    while begin < end:
        for one in _decoded_between(code[begin - address :], begin):
            while edges[number] < one.address or (edges[number] == one.address < end):
                number += 1
            begin = one.address + len(one.code)
            if begin > edges[number]:
                begin = edges[number]
                break
            yield one


def _decoded_between(code: bytes, address: int) -> Iterator[_Decoded]:
    start = 0
    while start < len(code):
        part = code[start : start + _CHUNK_BYTES]
        is_last = start + len(part) == len(code)
        done = 0
        for at, length, mnemonic, operands in decode(part, address + start):
            here = at - address - start
            if not is_last and here > _CHUNK_BYTES - LONGEST_INSTRUCTION:
                break
            yield _Decoded(at, part[here : here + length], mnemonic, operands)
            done = here + length
        if not done:
            yield _Decoded(address + start, part[:1], _UNDECODED, "")
            done = 1
        start += done


def _is_implausible(one: _Decoded) -> bool:
    if one.mnemonic in _IMPLAUSIBLE or one.mnemonic == _UNDECODED:
        return True
    if one.code == _ZEROS or (one.code[0] == 0xFF and one.operands.startswith("ptr ")):
        return True
    return one.code[0] in _SELECTOR_MOVES and one.code[1] < 0xC0
