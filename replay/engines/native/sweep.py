"""Finding the sites of a whole region, in which there may be data too.

Linkers put constants behind the code of the same segment, and a breakpoint in those would change
what the guest reads. So the region is taken for instructions one behind the other, cut into
*stretches* that begin where control can arrive and end where it leaves for good; a stretch with
anything in it that no compiler writes is data, and keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from replay.engines.native.sensitive import classify
from replay.engines.sites import LONGEST_INSTRUCTION, Site, decode

_CHUNK_BYTES = 1 << 16
_LAST = frozenset(("ret", "jmp", "ud2", "hlt", "iretq", "retfq", "int3"))
_IMPLAUSIBLE = frozenset(
    (
        *("insb", "insd", "insw", "outsb", "outsd", "outsw", "rep outsb", "rep outsd"),
        *("rep insb", "rep insd", "retf", "ljmp", "lcall", "iretd", "iret", "xlatb", "int1"),
        *("fbld", "fbstp", "enter"),
    )
)
_ZEROS = b"\0\0"  # add %al,(%rax)
_SELECTOR_MOVES = frozenset((0x8C, 0x8E))
_UNDECODED = ""
_CALL = b"\xe8"


@dataclass(frozen=True, slots=True)
class _Decoded:
    address: int
    code: bytes
    mnemonic: str
    operands: str


def sweep(code: bytes, address: int, starts: Collection[int]) -> list[Site]:
    """The sites in ``code``, which begins at ``address``; it is known to hold instructions at
    ``starts``."""
    known = set(starts) | _called(code, address, starts)
    found: list[Site] = []
    stretch: list[Site] = []
    sound = True
    for one in _decoded(code, address, known):
        if one.address in known:
            found += stretch if sound else ()
            stretch, sound = [], True
        if _is_implausible(one):
            sound = False
        elif site := classify(one.code, one.address, one.mnemonic, one.operands):
            stretch.append(site)
        if one.mnemonic in _LAST:
            found += stretch if sound else ()
            stretch, sound = [], True
    return found + (stretch if sound else [])


def _called(code: bytes, address: int, starts: Collection[int]) -> set[int]:
    """Where calls lead from stretches that look like code."""
    found: set[int] = set()
    calls: set[int] = set()
    sound = True
    end = address + len(code)
    for one in _decoded(code, address, starts):
        if one.address in starts:
            calls, sound = set(), True
        if one.code[:1] == _CALL:
            calls.add(one.address + 5 + int.from_bytes(one.code[1:5], "little", signed=True))
        sound = sound and not _is_implausible(one)
        if one.mnemonic in _LAST:
            found |= calls if sound else set()
            calls, sound = set(), True
    return {target for target in found if address <= target < end}


def _decoded(code: bytes, address: int, starts: Collection[int]) -> Iterator[_Decoded]:
    """Every instruction, and every byte that is none. Decoding begins anew at each of ``starts``,
    whatever lies across."""
    edges = sorted({address, *starts, address + len(code)})
    for begin, end in pairwise(edges):
        yield from _decoded_between(code[begin - address : end - address], begin)


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
