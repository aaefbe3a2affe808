"""Ways through a region of code: at which bytes instructions begin, and what they are.

``_survey.c`` steps over plain instructions by itself and has only the others looked at; what is
here besides does the same instruction by instruction, where that could not be compiled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from replay.engines.sites import LONGEST_INSTRUCTION, decode

if TYPE_CHECKING:
    from types import ModuleType

PURE_PYTHON_VARIABLE = "SOLO5_REPLAY_PURE_PYTHON"

BEGINS, KNOWN, TARGET, IMPLAUSIBLE, LAST, SITE = 1, 2, 4, 8, 16, 32
"""What is known about a byte: an instruction begins there on this way; it was known before that one
does; a branch leads there from a stretch that looks like code as a whole. About the instruction: no
compiler writes it; control does not go on behind it; it is a site."""

UNDECODED = ""
"""The mnemonic of a byte that begins no instruction."""

_CHUNK_BYTES = 1 << 12
_BRANCHES = ("c", "j")
_KNOWN_BYTE = re.compile(rb"[\x02\x03\x06\x07]")
_NOTED_BYTE = re.compile(rb"[^\x00\x01\x04\x05]")
_NOWHERE = -1


class Instruction(NamedTuple):
    """One decoded instruction, or an undecoded byte."""

    address: int
    code: bytes
    mnemonic: str
    operands: str


Judge = Callable[[Instruction], int]
"""Which of ``IMPLAUSIBLE``, ``LAST`` and ``SITE`` an instruction is. Those that every decoder and
processor takes for the same need not be shown to it."""


class Surveyor:
    """Goes through ``code``, which begins at ``address``."""

    def __init__(self, code: bytes, address: int, judge: Judge) -> None:
        self._code = code
        self._address = address
        self._judge = judge
        self._end = len(code)
        self._compiled = _compiled()
        self._verdicts: dict[int, tuple[int, int, int]] = {}

    @property
    def is_compiled(self) -> bool:
        """Whether it goes quickly."""
        return self._compiled is not None

    def walk(self, marks: bytearray, begin: int = 0, end: int | None = None) -> None:
        """One way through the code, or through its bytes ``[begin, end)`` as if there were no more.

        ``marks`` has a byte for each byte of the code, with ``KNOWN`` or nothing in it; decoding
        begins anew at a known start that an instruction lies across.
        """
        self._end = len(self._code) if end is None else end
        if self._compiled is not None:
            self._compiled.walk(self._code, marks, begin, self._end, self._look)
        else:
            self._walk(marks, begin)

    def _look(self, offset: int) -> tuple[int, int, int]:
        """Length, marks and lead of the instruction at ``offset``."""
        if offset not in self._verdicts:
            one = self._instruction(offset)
            self._verdicts[offset] = len(one.code), self._judge(one), self._lead(one)
        return self._verdicts[offset]

    def _instruction(self, offset: int) -> Instruction:
        part = self._code[offset : min(offset + LONGEST_INSTRUCTION, self._end)]
        at = self._address + offset
        for _, length, mnemonic, operands in decode(part, at, 1):
            return Instruction(at, part[:length], mnemonic, operands)
        return Instruction(at, part[:1], UNDECODED, "")

    def _lead(self, one: Instruction) -> int:
        """The offset to which an instruction branches."""
        if one.mnemonic[:1] in _BRANCHES and one.operands.startswith("0x"):
            offset = int(one.operands, 16) - self._address
            return offset if 0 <= offset < self._end else _NOWHERE
        return _NOWHERE

    def _walk(self, marks: bytearray, begin: int) -> None:
        leads: set[int] = set()
        sound = True
        known = [each.start() for each in _KNOWN_BYTE.finditer(marks, begin, self._end)]
        for one in self._instructions(begin, known):
            mark, lead = self._judge(one), self._lead(one)
            marks[one.address - self._address] |= BEGINS | mark
            if lead != _NOWHERE:
                leads.add(lead)
            sound = sound and not mark & IMPLAUSIBLE
            if mark & LAST:
                for target in leads if sound else ():
                    marks[target] |= TARGET
                leads, sound = set(), True

    def _instructions(self, begin: int, known: list[int]) -> Iterator[Instruction]:
        """Every instruction, and every byte that is none."""
        edges = [*known, self._end]
        number = 0
        while begin < self._end:
            for one in self._instructions_from(begin):
                at = one.address - self._address
                while edges[number] <= at:
                    number += 1
                begin = at + len(one.code)
                if begin > edges[number]:
                    begin = edges[number]
                    break
                yield one

    def _instructions_from(self, start: int) -> Iterator[Instruction]:
        while start < self._end:
            part = self._code[start : min(start + _CHUNK_BYTES, self._end)]
            base = self._address + start
            is_last = start + len(part) == self._end
            done = 0
            for at, length, mnemonic, operands in decode(part, base):
                here = at - base
                if not is_last and here > _CHUNK_BYTES - LONGEST_INSTRUCTION:
                    break
                done = here + length
                yield Instruction(at, part[here:done], mnemonic, operands)
            if not done:
                yield Instruction(base, part[:1], UNDECODED, "")
                done = 1
            start += done


def code_sites(marks: bytearray) -> list[int]:
    """The offsets of sites in those stretches that are code.

    One that begins at a known start is code up to the first implausible instruction; another one is
    code as a whole or not at all.
    """
    compiled = _compiled()
    return _code_sites(marks) if compiled is None else list(compiled.code_sites(marks))


def _code_sites(marks: bytearray) -> list[int]:
    found: list[int] = []
    stretch = _Stretch(trusted=False)
    begins_anew = False
    for each in _NOTED_BYTE.finditer(marks):
        mark = each[0][0]
        begins_anew = begins_anew or bool(mark & KNOWN)
        if not mark & (IMPLAUSIBLE | LAST | SITE):
            continue
        if begins_anew:
            found += stretch.sites()
            stretch, begins_anew = _Stretch(trusted=True), False
        stretch.add(each.start(), mark)
        if mark & LAST:
            found += stretch.sites()
            stretch = _Stretch(trusted=False)
    return found + stretch.sites()


class _Stretch:
    def __init__(self, *, trusted: bool) -> None:
        self._trusted = trusted
        self._sound = True
        self._sites: list[int] = []

    def add(self, at: int, mark: int) -> None:
        if mark & IMPLAUSIBLE:
            self._sound = False
        elif mark & SITE and self._sound:
            self._sites.append(at)

    def sites(self) -> list[int]:
        return self._sites if self._sound or self._trusted else []


def _compiled() -> ModuleType | None:
    if os.environ.get(PURE_PYTHON_VARIABLE):
        return None
    try:
        from replay.engines import _survey
    except ImportError:
        return None
    return _survey
