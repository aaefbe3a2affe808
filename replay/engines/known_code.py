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
    sections = list(_sections(elf))
    code = [
        Span(each.address, each.address + each.size)
        for each in sections
        if each.type == _SHT_PROGBITS and each.flags & _SHF_EXECINSTR and each.flags & _SHF_ALLOC
    ]
    spans = tuple(_apart(code))
    symbols = next((each for each in sections if each.type == _SHT_SYMTAB), None)
    functions = [] if symbols is None or not spans else list(_functions(elf, symbols))
    return KnownCode(spans, tuple(_within(_apart(functions), spans)))


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


def _functions(elf: bytes, table: _Section) -> Iterator[Span]:
    end = table.offset + table.size
    if end > len(elf) or table.size % _SYMBOL.size or table.size // _SYMBOL.size > _SYMBOLS_MAX:
        return
    symbols = _SYMBOL.iter_unpack(memoryview(elf)[table.offset : end])
    for _, info, _, _, address, size in symbols:
        if info & 0xF == _STT_FUNC and size:
            yield Span(address, address + size)


def _apart(spans: list[Span]) -> Iterator[Span]:
    """In order, and without what an earlier one has already."""
    done = 0
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        begin = max(span.start, done)
        if begin < span.end:
            yield Span(begin, span.end)
            done = span.end


def _within(functions: Iterator[Span], sections: tuple[Span, ...]) -> Iterator[Span]:
    """Those that lie in one of ``sections``."""
    number = 0
    for each in functions:
        while number < len(sections) and sections[number].end <= each.start:
            number += 1
        section = sections[number] if number < len(sections) else _NOWHERE
        if section.start <= each.start and each.end <= section.end:
            yield each
