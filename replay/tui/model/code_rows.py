"""Code as rows: source, disassembly, or both mixed."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from replay.tui.model.assembly import instruction_spans
from replay.tui.model.code import CodeSeen, not_found
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.listing import NO_INSTRUCTION, Arrow, Instruction
from replay.tui.model.rows import Line, Role, Span, ToCode, visible

_LINES_TOGETHER = 4
"""So many lines before an instruction's own are shown with it, when they follow the last shown."""

_NOTE_COLUMN = 34
_BYTES_SHOWN = 8
_NO_TEXT: Line = ()


class Form(enum.Enum):
    """What is shown of code."""

    SOURCE = "source"
    DISASSEMBLY = "disassembly"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class CodeStyle:
    """What stands beside the code: ``breaks`` by address, True for those that are enabled."""

    breaks: Mapping[int, bool] = field(default_factory=dict)
    bookmarks: frozenset[int] = frozenset()
    show_bytes: bool = False
    show_arrows: bool = True
    glyphs: Glyphs = UNICODE


@dataclass(frozen=True, slots=True)
class _Text:
    """A row that is about those behind it."""

    text: str
    role: Role


@dataclass(frozen=True, slots=True)
class _SourceLine:
    path: str
    number: int


_Entry = _Text | _SourceLine | int
"""What is in a row; a number is that of an instruction."""


def code_rows(seen: CodeSeen, form: Form, style: CodeStyle | None = None) -> CodeRows:
    """The rows of a form; of the disassembly where there is no source."""
    style = style or CodeStyle()
    if form is Form.SOURCE and seen.text:
        return CodeRows(seen, style, _SourceEntries(seen))
    return CodeRows(seen, style, tuple(_entries(seen, form)))


class CodeRows:
    """Rows of code; see ``Rows``. ``current`` is the row to have on the screen, if there is one."""

    def __init__(self, seen: CodeSeen, style: CodeStyle, entries: Sequence[_Entry]) -> None:
        self._seen = seen
        self._style = style
        self._entries = entries
        self._instructions = seen.listing.instructions
        self._breaks_of_lines = _by_line(seen, style.breaks)
        widest = self._instructions[-1].address if self._instructions else 0
        self._address_width = len(f"{widest:#x}")
        self._number_width = len(str(max(map(len, seen.texts.values()), default=1))) + 1
        self.current = self.row_of(seen.at)

    def __len__(self) -> int:
        return len(self._entries)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        entry = self._entries[index]
        if isinstance(entry, int):
            return self._instruction_line(entry)
        if isinstance(entry, _SourceLine):
            return self._source_line(entry)
        return (Span("  "), Span(visible(entry.text), entry.role))

    def address(self, index: int) -> int | None:
        """The first instruction of a row, for a breakpoint; None where there is no code."""
        entry = self._entries[index]
        if isinstance(entry, int):
            return self._instructions[entry].address
        if isinstance(entry, _SourceLine) and entry.path == self._seen.path:
            return self._seen.code_lines.get(entry.number)
        return None

    def place(self, index: int) -> str:
        """The row as a place in the code, as ``parse_location`` reads it; empty for none."""
        entry = self._entries[index]
        if isinstance(entry, _SourceLine):
            return f"{entry.path}:{entry.number}"
        return f"*{self._instructions[entry].address:#x}" if isinstance(entry, int) else ""

    def row_of(self, address: int) -> int | None:
        """The row with the instruction at an address, or with its source line."""
        if isinstance(self._entries, _SourceEntries):
            return self._entries.row_of(self._seen, address)
        number = self._seen.listing.index_of(address)
        return None if number is None else self._entries.index(number)

    # ---- rows

    def _instruction_line(self, number: int) -> Line:
        each = self._instructions[number]
        is_here = each.address == self._seen.rip
        address = f"{each.address:#x}".rjust(self._address_width)
        role = Role.CURRENT if is_here else Role.ADDRESS
        return (
            *self._gutter(each.address, self._pointer(number)),
            *self._arrow_spans(number),
            Span(address, role, ToCode(each.address)),
            Span("  "),
            *(self._byte_spans(each) if self._style.show_bytes else ()),
            *self._text_spans(each, is_here=is_here),
        )

    def _text_spans(self, each: Instruction, *, is_here: bool) -> Iterator[Span]:
        spans = instruction_spans(each.mnemonic, each.operands, each.to)
        if each.mnemonic == NO_INSTRUCTION:
            spans = tuple(span._replace(role=Role.WARNING) for span in spans)
        yield from spans
        width = sum(len(span.text) for span in spans)
        if each.note:
            yield Span(" " * max(1, _NOTE_COLUMN - width))
            yield Span(visible(each.note), Role.NAME, each.about)
        if is_here and self._seen.taken is not None:
            yield Span("  will branch" if self._seen.taken else "  will not branch", Role.COMMENT)

    def _byte_spans(self, each: Instruction) -> tuple[Span, ...]:
        shown = each.code[:_BYTES_SHOWN].hex(" ")
        is_cut = len(each.code) > _BYTES_SHOWN
        text = f"{shown}{'+' if is_cut else ''}".ljust(3 * _BYTES_SHOWN + 1)
        return (Span(text, Role.DIM),)

    def _source_line(self, entry: _SourceLine) -> Line:
        seen = self._seen
        is_own = entry.path == seen.path
        address = seen.code_lines.get(entry.number) if is_own else None
        is_line = is_own and entry.number == seen.line
        pointer = self._style.glyphs.pointer(is_here=seen.at == seen.rip) if is_line else " "
        is_mixed = not isinstance(self._entries, _SourceEntries)
        number = f"{entry.number}".rjust(self._number_width)
        role = Role.DIM if address is None else Role.NUMBER
        target = None if address is None else ToCode(address)
        return (
            *self._line_gutter(entry, " " if is_mixed else pointer),
            Span(f"{number} ", Role.CURRENT if is_line else role, target),
            *_text_of(seen, entry),
        )

    def _line_gutter(self, entry: _SourceLine, pointer: str) -> tuple[Span, ...]:
        enabled = self._breaks_of_lines.get(entry.number) if entry.path == self._seen.path else None
        return (self._break_span(enabled), self._pointer_span(pointer))

    def _gutter(self, address: int, pointer: str) -> tuple[Span, ...]:
        enabled = self._style.breaks.get(address)
        if enabled is None and address in self._style.bookmarks:
            return (Span(self._style.glyphs.bookmark, Role.MARK), self._pointer_span(pointer))
        return (self._break_span(enabled), self._pointer_span(pointer))

    def _break_span(self, enabled: bool | None) -> Span:
        glyphs = self._style.glyphs
        if enabled is None:
            return Span(" ")
        return Span(glyphs.enabled if enabled else glyphs.disabled, Role.MARK)

    def _pointer(self, number: int) -> str:
        seen, glyphs = self._seen, self._style.glyphs
        if self._instructions[number].address == seen.rip:
            return glyphs.pointer(is_here=True)
        is_at = seen.listing.index_of(seen.at) == number
        return glyphs.pointer(is_here=False) if is_at else " "

    def _pointer_span(self, pointer: str) -> Span:
        return Span(pointer, Role.CURRENT if pointer.strip() else Role.TEXT)

    def _arrow_spans(self, number: int) -> tuple[Span, ...]:
        listing = self._seen.listing
        if not self._style.show_arrows or not listing.lanes:
            return (Span(" "),)
        cells = arrow_cells(listing.arrows[number], number, listing.lanes, self._style.glyphs)
        return (Span(f"{cells} ", Role.DIM),)


class _SourceEntries(Sequence[_Entry]):
    """All lines of the source file, without a list of them."""

    def __init__(self, seen: CodeSeen) -> None:
        self._path = seen.path
        self._count = len(seen.text)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice) -> _Entry:  # type: ignore[override]
        assert isinstance(index, int)
        return _SourceLine(self._path, range(1, self._count + 1)[index])

    def row_of(self, seen: CodeSeen, address: int) -> int | None:
        """The row of an instruction's source line."""
        if address == seen.at:
            line = seen.line
        else:
            index = seen.listing.index_of(address)
            each = None if index is None else seen.listing.instructions[index]
            line = each.line if each is not None and each.path == seen.path else 0
        return line - 1 if 1 <= line <= self._count else None


def _entries(seen: CodeSeen, form: Form) -> Iterator[_Entry]:
    if seen.problem:
        yield _Text(seen.problem, Role.WARNING)
    if form is Form.SOURCE or (form is Form.MIXED and not seen.texts):
        yield from (_Text(line, Role.DIM) for line in not_found(seen).splitlines())
    inlined: tuple[str, ...] = ()
    shown = _Shown(seen)
    for number, each in enumerate(seen.listing.instructions):
        if each.inlined != inlined:
            inlined = each.inlined
            yield _inlined_text(inlined, seen)
        if form is Form.MIXED and each.line:
            yield from shown.before(each.path, each.line)
        yield number


def _inlined_text(inlined: tuple[str, ...], seen: CodeSeen) -> _Text:
    if inlined:
        return _Text(f"inlined: {' > '.join(inlined)}", Role.COMMENT)
    return _Text(f"{seen.function or 'not inlined'}:", Role.COMMENT)


class _Shown:
    """Which source lines have been shown, to tell which stand before the next instruction."""

    def __init__(self, seen: CodeSeen) -> None:
        self._texts = seen.texts
        self._last = (seen.path, 0)
        self._furthest: dict[str, int] = {}

    def before(self, path: str, line: int) -> Iterator[_Entry]:
        """The line of an instruction that is of another one than that before it, with lines not yet
        shown that lead to it."""
        if (path, line) == self._last:
            return
        if path not in self._texts:
            yield _Text(f"{path.rpartition('/')[2]}:{line}", Role.DIM)
        else:
            if path != self._last[0]:
                yield _Text(path, Role.TITLE)
            furthest = self._furthest.get(path, 0)
            is_near = 0 < line - furthest <= _LINES_TOGETHER
            first = furthest + 1 if is_near else line
            yield from (_SourceLine(path, number) for number in range(first, line + 1))
            self._furthest[path] = max(furthest, line)
        self._last = path, line


def _text_of(seen: CodeSeen, entry: _SourceLine) -> Line:
    lines = seen.texts.get(entry.path, ())
    return lines[entry.number - 1] if 1 <= entry.number <= len(lines) else _NO_TEXT


def _by_line(seen: CodeSeen, breaks: Mapping[int, bool]) -> Mapping[int, bool]:
    """Breakpoints by the line of the source file that they are in."""
    found: dict[int, bool] = {}
    if breaks:
        for line, address in seen.code_lines.items():
            if address in breaks:
                found[line] = breaks[address]
        for each in seen.listing.instructions:
            if each.address in breaks and each.path == seen.path:
                found[each.line] = found.get(each.line, False) or breaks[each.address]
    return found


def arrow_cells(arrows: Sequence[Arrow], number: int, lanes: int, glyphs: Glyphs) -> str:
    """The arrows that pass, begin or end at an instruction, in ``lanes`` + 1 characters."""
    cells = [" "] * (lanes + 1)
    ending = [arrow for arrow in arrows if number in (arrow.source, arrow.target)]
    for arrow in arrows:
        if arrow not in ending:
            cells[lanes - 1 - arrow.lane] = glyphs.passing
    for arrow in sorted(ending, key=lambda arrow: -arrow.lane):  # inner ones are drawn over outer
        at = lanes - 1 - arrow.lane
        cells[at + 1 :] = [glyphs.along] * (lanes - at)
        cells[at] = glyphs.top if number == arrow.top else glyphs.bottom
    if any(arrow.target == number for arrow in ending):
        cells[lanes] = glyphs.head
    return "".join(cells)
