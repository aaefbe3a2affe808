"""Finding the sites of a whole region, in which there may be data too.

Linkers put constants behind the code of the same segment, and a breakpoint in those would change
what the guest reads. So the region is taken for instructions one behind the other, cut into
*stretches* that begin where control can arrive and end where it leaves for good; a stretch with
anything in it that no compiler writes is data, and keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from replay.engines.sensitive import classify
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


class _Mark(NamedTuple):
    """An instruction that matters: it is a site, or implausible, or control does not go on."""

    address: int
    site: Site | None
    is_implausible: bool
    is_last: bool


def sweep(code: bytes, address: int, starts: Collection[int]) -> list[Site]:
    """The sites in ``code``, which begins at ``address``; it is known to hold instructions at
    ``starts``."""
    survey = _Survey(code, address, starts)
    known = survey.targets | {start for start in starts if address <= start < address + len(code)}
    if not survey.begins_at(known):
        survey = _Survey(code, address, known)
    return _in_stretches(survey.marks, sorted(known, reverse=True))


def _in_stretches(marks: Iterable[_Mark], known: list[int]) -> list[Site]:
    """The sites of those stretches that are code; ``known`` are starts, the last one first."""
    found: list[Site] = []
    stretch = _Stretch()
    for mark in marks:
        if known and known[-1] <= mark.address:
            found += stretch.sites()
            stretch = _Stretch(trusted=True)
            while known and known[-1] <= mark.address:
                known.pop()
        if mark.is_implausible:
            stretch.end_trust()
        elif mark.site is not None:
            stretch.add(mark.site)
        if mark.is_last:
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


class _Survey:
    """One way through the code: ``marks`` in order, and as ``targets`` where in the code calls and
    jumps lead from stretches that look like code as a whole."""

    def __init__(self, code: bytes, address: int, starts: Collection[int]) -> None:
        self.marks: list[_Mark] = []
        self.targets: set[int] = set()
        self._address = address
        self._begins = bytearray(len(code))
        leads: set[int] = set()
        sound = True
        for one in _decoded(code, address, starts):
            self._begins[one.address - address] = 1
            if one.mnemonic[:1] in _BRANCHES and one.operands.startswith("0x"):
                leads.add(int(one.operands, 16))
            mark = _mark(one)
            if mark is None:
                continue
            self.marks.append(mark)
            sound = sound and not mark.is_implausible
            if mark.is_last:
                self.targets |= leads if sound else set()
                leads, sound = set(), True
        end = address + len(code)
        self.targets = {target for target in self.targets if address <= target < end}

    def begins_at(self, addresses: Iterable[int]) -> bool:
        """Whether an instruction begins at each of ``addresses``."""
        return all(self._begins[at - self._address] for at in addresses)


def _mark(one: _Decoded) -> _Mark | None:
    is_implausible = _is_implausible(one)
    is_last = one.mnemonic in _LAST
    site = None
    if not is_implausible:
        site = classify(one.code, one.address, one.mnemonic, one.operands)
    if site is None and not is_implausible and not is_last:
        return None
    return _Mark(one.address, site, is_implausible, is_last)


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
