"""The guest's memory byte by byte: pages are looked at when they are to be shown."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from replay.engines.ram import PAGE_BYTES
from replay.player.paged_view import paged
from replay.player.stops import View
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.listing import name_of, readable
from replay.tui.model.meaning import Meaning, meaning_of, text_at
from replay.tui.model.rows import FixedRows, Line, Role, Span, Target, ToMemory, visible

WANTED_BYTES_MAX = 64 << 10
"""Of one look; more than any screen has room for."""

PAGES_KEPT_MAX = 256
_ROW_SIZES = (32, 16, 8)
_CURSOR_BYTES = 32
_ADDRESS_DIGITS = 8
_GROUP = 8
_ADDRESSES = 1 << 64
_NAMES_OF_ROW_MAX = 3
_UNREADABLE, _UNREAD = "??", ".."
_MARKS = {Role.CURRENT: "[", Role.CHANGED: "*"}


@dataclass(frozen=True, slots=True)
class MemoryWanted:
    """``size`` bytes from ``address`` on, and what is at the cursor."""

    address: int
    size: int
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class CursorSeen:
    """What is at an address: ``data`` as far as there is any, ``name`` of the variable or function
    that it belongs to, ``meaning`` of its 8 bytes (None where there are less), and text."""

    address: int
    data: bytes = b""
    name: str = ""
    meaning: Meaning | None = None
    text: str = ""

    @property
    def leads_to(self) -> Target | None:
        """Where the pointer at the cursor leads, if it is one."""
        return None if self.meaning is None else self.meaning.about


@dataclass(frozen=True, slots=True)
class MemorySeen:
    """Pages by their addresses, None where the guest cannot read; and the variables in what was
    wanted."""

    pages: Mapping[int, bytes | None] = field(default_factory=dict)
    names: tuple[Symbol, ...] = ()
    cursor: CursorSeen | None = None

    def byte(self, address: int) -> int | None:
        """A byte; None where there is none, or where nobody has looked."""
        offset = address % PAGE_BYTES
        page = self.pages.get(address - offset)
        return None if page is None else page[offset]

    def has(self, address: int) -> bool:
        """Whether somebody has looked there."""
        return address - address % PAGE_BYTES in self.pages

    def and_then(self, later: MemorySeen) -> MemorySeen:
        """The same with what was seen later at the same stop, when one had scrolled."""
        pages = {**self.pages, **later.pages}
        if len(pages) > PAGES_KEPT_MAX:
            pages = dict(later.pages)
        return MemorySeen(pages, later.names, later.cursor)


def look_at_memory(view: View, symbols: Symbols, wanted: MemoryWanted) -> MemorySeen:
    """The wanted pages of a guest that stands still."""
    view = paged(view)
    start = wanted.address % _ADDRESSES
    end = min(start + max(1, min(wanted.size, WANTED_BYTES_MAX)), _ADDRESSES)
    first = start - start % PAGE_BYTES
    pages = {at: _page(view, at) for at in range(first, end, PAGE_BYTES)}
    cursor = None if wanted.cursor is None else _at_cursor(view, symbols, wanted.cursor)
    return MemorySeen(pages, tuple(symbols.variables_within(start, end)), cursor)


def row_bytes_for(width: int) -> int:
    """How many bytes a row has room for: 8, 16 or 32."""
    return next((size for size in _ROW_SIZES if _row_width(size) <= width), _ROW_SIZES[-1])


class _Cell(NamedTuple):
    address: int
    value: int | None
    digits: str
    role: Role


@dataclass(frozen=True, slots=True)
class MemoryRows:
    """All of a guest's ``size`` bytes as rows; see ``Rows``. Bytes that are not what they were
    ``before`` are marked, and those of ``found``, an address and a size, as what was searched
    for."""

    seen: MemorySeen
    size: int
    row_bytes: int = 16
    before: MemorySeen | None = None
    cursor: int | None = None
    found: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return (self.size + self.row_bytes - 1) // self.row_bytes

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        start = index * self.row_bytes
        addresses = range(start, min(start + self.row_bytes, self.size))
        cells = [self._cell(address) for address in addresses]
        return (
            Span(f"{start:0{_ADDRESS_DIGITS}x}", Role.ADDRESS, ToMemory(start)),
            *_digit_spans(cells),
            Span(" " * (1 + _hex_width(self.row_bytes) - _hex_width(len(addresses)))),
            *_letter_spans(cells),
            *self._names(addresses),
        )

    def row_of(self, address: int) -> int | None:
        """The row that has an address; None for one beyond the guest's memory."""
        return address // self.row_bytes if 0 <= address < self.size else None

    def address_of(self, index: int, column: int = 0) -> int:
        """The byte that is nearest to a character of a row."""
        column -= _ADDRESS_DIGITS
        width = _hex_width(self.row_bytes)
        if column > width:
            number = column - width - 1
        else:
            number = sum(1 for each in range(1, self.row_bytes) if _hex_width(each) < column)
        number = max(0, min(number, self.row_bytes - 1))
        return min(index * self.row_bytes + number, max(0, self.size - 1))

    def _cell(self, address: int) -> _Cell:
        value = self.seen.byte(address)
        old = None if self.before is None else self.before.byte(address)
        if address == self.cursor:
            role = Role.CURRENT
        elif 0 <= address - self.found[0] < self.found[1]:
            role = Role.MATCH
        elif old is not None and value is not None and old != value:
            role = Role.CHANGED
        else:
            role = Role.NUMBER if value else Role.DIM
        missing = _UNREADABLE if value is None and self.seen.has(address) else _UNREAD
        return _Cell(address, value, missing if value is None else f"{value:02x}", role)

    def _names(self, addresses: range) -> Iterator[Span]:
        starts = [symbol for symbol in self.seen.names if symbol.address in addresses]
        if starts:
            yield Span(" ")
        for symbol in starts[:_NAMES_OF_ROW_MAX]:
            yield Span(f" {visible(symbol.name)}", Role.NAME, ToMemory(symbol.address))


def _digit_spans(cells: Sequence[_Cell]) -> Iterator[Span]:
    for number, (address, _, digits, role) in enumerate(cells):
        # The mark of the cursor, or of a change, stands before the byte.
        mark = _MARKS.get(role, " ")
        gap = " " if number and number % _GROUP == 0 else ""
        yield Span(f"{gap}{mark}{digits}", role, ToMemory(address, 1))


def _letter_spans(cells: Sequence[_Cell]) -> Iterator[Span]:
    """The bytes as text; neighbours that look alike are one span, as a row has many."""
    for role, letters in groupby(map(_letter, cells), itemgetter(0)):
        yield Span("".join(letter for _, letter in letters), role)


def _letter(cell: _Cell) -> tuple[Role, str]:
    if cell.value is None:
        return cell.role, " "
    is_letter = 0x20 <= cell.value < 0x7F
    role = cell.role
    if role is Role.NUMBER:
        role = Role.STRING if is_letter else Role.DIM
    return role, chr(cell.value) if is_letter else "."


def cursor_rows(cursor: CursorSeen) -> FixedRows:
    """What the bytes at the cursor are as numbers, as a pointer and as text."""
    name = f" <{visible(cursor.name)}>" if cursor.name else ""
    title: Line = (Span(f"{cursor.address:#x}", Role.ADDRESS), Span(name, Role.NAME))
    if not cursor.data:
        return FixedRows(((*title, Span("  no memory can be read here", Role.WARNING)),))
    lines = [title, *_number_lines(cursor.data)]
    if cursor.meaning is not None and cursor.meaning.about is not None:
        pointer = f"-> {cursor.meaning.value:#x} {cursor.meaning.note()}".rstrip()
        lines.append((Span(pointer, Role.NAME, cursor.meaning.about),))
    if cursor.text:
        lines.append((Span(f'"{visible(cursor.text)}"', Role.STRING),))
    return FixedRows(tuple(lines))


def _number_lines(data: bytes) -> Iterator[Line]:
    for size, real in ((1, ""), (2, ""), (4, "<f"), (8, "<d")):
        if len(data) >= size:
            part = data[:size]
            unsigned = int.from_bytes(part, "little")
            signed = int.from_bytes(part, "little", signed=True)
            text = f"u{8 * size:<3}{unsigned}  {unsigned:#x}"
            text += f"  i{8 * size} {signed}" if signed != unsigned else ""
            text += f"  f{8 * size} {struct.unpack(real, part)[0]:g}" if real else ""
            yield (Span(text, Role.NUMBER),)


def _page(view: View, address: int) -> bytes | None:
    page = view.read(address, PAGE_BYTES)
    return page if page is not None and len(page) == PAGE_BYTES else None


def _at_cursor(view: View, symbols: Symbols, address: int) -> CursorSeen:
    address %= _ADDRESSES
    data = readable(view, address, min(address + _CURSOR_BYTES, _ADDRESSES))
    word = int.from_bytes(data[:8], "little") if len(data) >= 8 else None
    return CursorSeen(
        address,
        data,
        name_of(symbols, address),
        None if word is None else meaning_of(view, symbols, word),
        text_at(view, address) if data else "",
    )


def _hex_width(count: int) -> int:
    """Characters of so many bytes in hexadecimal, with what stands before each and each group."""
    return 3 * count + (count - 1) // _GROUP if count else 0


def _row_width(size: int) -> int:
    return _ADDRESS_DIGITS + _hex_width(size) + 1 + size
