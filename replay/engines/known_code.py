"""Which addresses of a guest hold instructions, as far as its file says so.

Linkers put constants into executable segments, where they look like instructions. Sections and
function symbols tell the two apart; a stripped file has neither. Files are untrusted: whatever the
bytes, the outcome is a value, and it may be wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# elf.h: Elf64_Ehdr from e_shoff on, Elf64_Shdr, Elf64_Sym.
_SECTIONS_AT = struct.Struct("<Q")
_SECTION_COUNT = struct.Struct("<HH")  # e_shentsize, e_shnum
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SECTIONS_AT_OFFSET, _SECTION_COUNT_OFFSET, _HEADER_BYTES = 0x28, 0x3A, 64
_SHT_PROGBITS, _SHT_SYMTAB = 1, 2
_SHF_ALLOC, _SHF_EXECINSTR = 2, 4
_STT_FUNC = 2
_SYMBOLS_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """The addresses ``[start, end)``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class KnownCode:
    """Sections of instructions and functions, each in the order of addresses; functions lie within
    sections and do not overlap. Without ``sections`` nothing is known."""

    sections: tuple[Span, ...] = ()
    functions: tuple[Span, ...] = ()


_Bounds = tuple[int, int]
"""The first address, and the one behind the last, negated: of two that begin together the longer
one is the lesser."""

NOTHING_KNOWN = KnownCode()
_NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class _Section:
    type: int
    flags: int
    address: int
    offset: int
    size: int


def known_code(elf: bytes) -> KnownCode:
    """What the headers of a guest's file say about it."""
    headers = list(_sections(elf))
    code = [
        (each.address, -each.address - each.size)
        for each in headers
        if each.type == _SHT_PROGBITS and each.flags & _SHF_EXECINSTR and each.flags & _SHF_ALLOC
    ]
    sections = list(_apart(code))
    table = next((each for each in headers if each.type == _SHT_SYMTAB), None)
    functions = [] if table is None or not sections else _functions(elf, table)
    return KnownCode(tuple(sections), tuple(_within(_apart(functions), sections)))


def _sections(elf: bytes) -> Iterator[_Section]:
    if len(elf) < _HEADER_BYTES:
        return
    (at,) = _SECTIONS_AT.unpack_from(elf, _SECTIONS_AT_OFFSET)
    size, count = _SECTION_COUNT.unpack_from(elf, _SECTION_COUNT_OFFSET)
    if size != _SECTION.size or at + size * count > len(elf):
        return
    for number in range(count):
        _, kind, flags, address, offset, length, *_ = _SECTION.unpack_from(elf, at + size * number)
        yield _Section(kind, flags, address, offset, length)


def _functions(elf: bytes, table: _Section) -> list[_Bounds]:
    end = table.offset + table.size
    if end > len(elf) or table.size % _SYMBOL.size or table.size // _SYMBOL.size > _SYMBOLS_MAX:
        return []
    return [
        (address, -address - size)
        for _, info, _, _, address, size in _SYMBOL.iter_unpack(elf[table.offset : end])
        if info & 0xF == _STT_FUNC and size
    ]


def _apart(spans: list[_Bounds]) -> Iterator[Span]:
    """In order, and without what an earlier one has already."""
    done = 0
    for start, minus_end in sorted(spans):
        begin, end = max(start, done), -minus_end
        if begin < end:
            yield Span(begin, end)
            done = end


def _within(functions: Iterator[Span], sections: list[Span]) -> Iterator[Span]:
    """Those that lie in one of ``sections``."""
    rest = iter(sections)
    section = next(rest, _NOWHERE)
    for each in functions:
        while section.end <= each.start and section is not _NOWHERE:
            section = next(rest, _NOWHERE)
        if section.start <= each.start and each.end <= section.end:
            yield each
