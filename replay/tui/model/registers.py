"""The guest's registers as it stands, what they mean, and which have changed."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ldexp

from replay.player.paged_view import paged
from replay.player.stops import View
from replay.player.symbols import Symbols
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.meaning import Meaning, meaning_of, note_spans
from replay.tui.model.rows import Line, Role, Span, ToRegister, visible

CELL_WIDTH = 40
"""Characters of a general register with a note; as many columns are made as there is room for."""

_COLUMNS_MAX = 4
_GENERAL = (
    "rax",
    "rbx",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rbp",
    "rsp",
    *(f"r{n}" for n in range(8, 16)),
)
_MEANT = (*_GENERAL, "rip")
_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "kernel_gs_base")
_SSE = (*(f"xmm{n}" for n in range(16)), "mxcsr")
_X87 = (*(f"st{n}" for n in range(8)), "fcw", "fsw", "ftw")
_FLAGS = {"CF": 0, "PF": 2, "AF": 4, "ZF": 6, "SF": 7, "DF": 10, "OF": 11}
_RARE_FLAGS = {"TF": 8, "IF": 9, "NT": 14, "RF": 16, "AC": 18, "ID": 21}
_X87_BIAS, _X87_FRACTION_BITS = 16383, 63


class Section(enum.Enum):
    """Registers that are opened and closed together."""

    GENERAL = "general"
    SEGMENTS = "segments"
    SSE = "SSE"
    X87 = "x87"
    SYSTEM = "system"


OPEN_AT_FIRST = frozenset({Section.GENERAL})


@dataclass(frozen=True, slots=True)
class RegistersSeen:
    """All registers; ``meanings`` are of the general ones and ``rip``."""

    values: Mapping[str, int]
    meanings: Mapping[str, Meaning] = field(default_factory=dict)


def look_at_registers(view: View, symbols: Symbols) -> RegistersSeen:
    """The registers of a guest that stands still."""
    view = paged(view)
    return registers_seen(view, symbols, view.registers())


def registers_seen(view: View, symbols: Symbols, values: Mapping[str, int]) -> RegistersSeen:
    """The same for other registers than those it stands with: a caller's."""
    known = {name: values[name] for name in _MEANT if name in values}
    meanings = {name: meaning_of(view, symbols, value) for name, value in known.items()}
    return RegistersSeen(dict(values), meanings)


def register_rows(
    seen: RegistersSeen,
    before: RegistersSeen | None = None,
    *,
    width: int = CELL_WIDTH,
    opened: frozenset[Section] = OPEN_AT_FIRST,
    glyphs: Glyphs = UNICODE,
) -> RegisterRows:
    """All sections as rows; what is not as it was ``before`` is marked."""
    changed = changed_registers(seen, before)
    rows: list[tuple[Section, bool, Line]] = []
    for section, names in _sections(seen.values):
        is_open = section in opened
        rows.append((section, True, _title(section, names, changed, is_open, glyphs)))
        if is_open:
            lines = _lines(section, names, _Look(seen, before, changed, width, glyphs))
            rows += ((section, False, line) for line in lines)
    return RegisterRows(rows)


def changed_registers(seen: RegistersSeen, before: RegistersSeen | None) -> frozenset[str]:
    """The registers that have other values than before."""
    if before is None:
        return frozenset()
    old = before.values
    return frozenset(name for name, value in seen.values.items() if old.get(name, value) != value)


class RegisterRows:
    """See ``Rows``; titles say what can be opened."""

    def __init__(self, rows: Sequence[tuple[Section, bool, Line]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        return self._rows[index][2]

    def title_of(self, index: int) -> Section | None:
        """The section that a row is the title of."""
        section, is_title, _ = self._rows[index]
        return section if is_title else None

    def row_of(self, register: str) -> int | None:
        """The row that shows a register, if it is shown."""
        target = ToRegister(register)
        rows = enumerate(self._rows)
        return next((n for n, row in rows if any(s.target == target for s in row[2])), None)


@dataclass(frozen=True, slots=True)
class _Look:
    seen: RegistersSeen
    before: RegistersSeen | None
    changed: frozenset[str]
    width: int
    glyphs: Glyphs

    def name(self, name: str, width: int) -> tuple[Span, Span]:
        """A register's name, and the mark of a change."""
        is_changed = name in self.changed
        text = visible(name)
        mark = self.glyphs.change if is_changed else " "
        return (
            Span(text.ljust(width), Role.NAME, ToRegister(name)),
            Span(mark, Role.CHANGED if is_changed else Role.TEXT),
        )


def _sections(values: Mapping[str, int]) -> Iterator[tuple[Section, Sequence[str]]]:
    tables = {
        Section.GENERAL: (*_GENERAL, "rip", "rflags"),
        Section.SEGMENTS: _SEGMENTS,
        Section.SSE: _SSE,
        Section.X87: _X87,
    }
    others = set(values)
    for section, names in tables.items():
        known = [name for name in names if name in values]
        others.difference_update(known)
        if known:
            yield section, known
    if others:
        yield Section.SYSTEM, sorted(others)


def _title(
    section: Section,
    names: Sequence[str],
    changed: frozenset[str],
    is_open: bool,
    glyphs: Glyphs,
) -> Line:
    spans = [Span(f"{glyphs.opened if is_open else glyphs.closed} {section.value}", Role.TITLE)]
    count = len(changed.intersection(names))
    if count and not is_open:
        spans.append(Span(f" {glyphs.change}{count} changed", Role.CHANGED))
    return tuple(spans)


def _lines(section: Section, names: Sequence[str], look: _Look) -> Iterator[Line]:
    if section is Section.GENERAL:
        yield from _general(names, look)
    elif section is Section.SEGMENTS or section is Section.SYSTEM:
        yield from ((*look.name(name, 15), _plain_number(name, look)) for name in names)
    else:
        kind = _sse_note if section is Section.SSE else _x87_note
        for name in names:
            value = look.seen.values[name]
            yield (
                *look.name(name, 6),
                _plain_number(name, look),
                Span(kind(name, value), Role.DIM),
            )


def _general(names: Sequence[str], look: _Look) -> Iterator[Line]:
    """Columns that are read downward, and the flags below."""
    meant = [name for name in names if name in look.seen.meanings]
    columns = max(1, min(_COLUMNS_MAX, look.width // CELL_WIDTH))
    height = -(-len(meant) // columns)
    room = look.width // columns
    for row in range(height):
        cells = [_cell(name, room, look) for name in meant[row::height]]
        yield tuple(span for cell in cells for span in cell)
    if "rflags" in names:
        yield _flags(look)


def _cell(name: str, room: int, look: _Look) -> Line:
    meaning = look.seen.meanings[name]
    role = Role.CHANGED if name in look.changed else Role.NUMBER
    value = Span(f"{meaning.value:#018x}", role, meaning.about)
    spans = [*look.name(name, 6), value, Span(" ")]
    spans += note_spans(meaning, room - 1 - sum(len(span.text) for span in spans))
    used = sum(len(span.text) for span in spans)
    return (*spans, Span(" " * max(0, room - used)))


def _flags(look: _Look) -> Line:
    """All flags of arithmetic, those that are set in capitals; and of others those that are set."""
    value = look.seen.values["rflags"]
    before = value if look.before is None else look.before.values.get("rflags", value)
    spans: list[Span] = [*look.name("rflags", 6), Span(f"{value:#x}", Role.NUMBER)]
    for name, bit in (_FLAGS | _RARE_FLAGS).items():
        is_set, is_changed = value >> bit & 1, (value ^ before) >> bit & 1
        if name in _FLAGS or is_set or is_changed:
            text = f"{name if is_set else name.lower()}{look.glyphs.change if is_changed else ''}"
            role = Role.CHANGED if is_changed else Role.TEXT if is_set else Role.DIM
            spans += (Span(" "), Span(text, role))
    return tuple(spans)


def _plain_number(name: str, look: _Look) -> Span:
    role = Role.CHANGED if name in look.changed else Role.NUMBER
    value = look.seen.values[name]
    return Span(f"{value:#034x}" if name.startswith("xmm") else f"{value:#x}", role)


def _sse_note(name: str, value: int) -> str:
    """The two doubles in a register, the lower one first."""
    if not name.startswith("xmm") or not value:
        return ""
    low, high = struct.unpack("<2d", (value & (1 << 128) - 1).to_bytes(16, "little"))
    return f"  {low:g} {high:g}"


def _x87_note(name: str, value: int) -> str:
    return f"  {extended(value):g}" if name.startswith("st") and value else ""


def extended(value: int) -> float:
    """An 80-bit number (Intel SDM, volume 1, 4.2.2) as near as a double comes to it."""
    fraction, exponent, is_negative = value & (1 << 64) - 1, value >> 64 & 0x7FFF, value >> 79 & 1
    if exponent == 0x7FFF:
        found = float("nan") if fraction << 1 & (1 << 64) - 1 else float("inf")
    else:
        try:
            found = ldexp(fraction, max(exponent, 1) - _X87_BIAS - _X87_FRACTION_BITS)
        except OverflowError:
            found = float("inf")
    return -found if is_negative else found
