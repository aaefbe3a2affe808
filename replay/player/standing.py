"""Where a guest stands in its source: function, frame and line; and what stands around it there.

An inlined call counts as entered behind its first instruction only: at its entry the guest still
stands before the call, in the line that makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from replay.player.call_sites import CallSite, call_sites
from replay.player.debug_lines import Row
from replay.player.frames import ReadWord
from replay.player.scopes import Scope
from replay.player.stops import View
from replay.player.symbols import FUNCTION_BYTES_MAX, Symbol, Symbols

_WORD_BYTES = 8

Line = tuple[str, int]
"""A source file's path, and a line of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A place in the source, in one call of a function.

    ``parts`` of the function: one, or with what the compiler has put elsewhere. ``cfa`` and
    ``return_address`` are those of ``frames.Frame``, ``None`` and 0 where it is not described.
    ``inlined`` are the inlined calls around, outermost first. ``lines`` are those that count as the
    present one; none do where an instruction between two statements was returned to.
    """

    pc: int
    function: Symbol | None
    parts: Sequence[Symbol]
    cfa: int | None
    return_address: int
    inlined: tuple[Scope, ...]
    lines: frozenset[Line]
    has_lines: bool

    @property
    def entry(self) -> int | None:
        """The first instruction of the function."""
        return self.parts[0].address if self.parts else None

    def is_frame_of(self, other: Standing) -> bool:
        """Whether both are in the same call of the same function."""
        return self.cfa == other.cfa and self.entry == other.entry


def standing(view: View, symbols: Symbols, *, into: bool) -> Standing:
    """Where a guest stands, for one who goes ``into`` inlined calls or over them."""
    registers = view.registers()
    pc = registers["rip"]
    function, row = symbols.function_at(pc), symbols.row_at(pc)
    frame = symbols.frame(registers, read_words(view))
    inlined = _inlined(symbols, pc)
    entered = _entered(inlined, pc)
    lines = set() if row is None else {(row.path, row.line)}
    if len(entered) < len(inlined) and not into:
        lines = {_call(inlined[len(entered)])}
    return Standing(
        pc,
        function,
        symbols.whole(function) if function else (),
        frame.cfa if frame else None,
        frame.caller["rip"] if frame else 0,
        entered,
        frozenset(lines),
        row is not None,
    )


def read_words(view: View) -> ReadWord:
    """Reads words of a guest that stands still, as unwinding needs them."""

    def read_word(address: int) -> int | None:
        data = view.read(address, _WORD_BYTES)
        return None if data is None or len(data) != _WORD_BYTES else int.from_bytes(data, "little")

    return read_word


def statements(here: Standing, symbols: Symbols, *, into: bool) -> Mapping[int, Line]:
    """Where statements and inlined calls of the function begin, and the line that counts there, by
    address.

    Not in what makes the frame. Inlined calls that have not been entered begin in the line that
    makes them, and have no other statements; for one who goes ``into`` them they begin in a line of
    their own.
    """
    found: dict[int, Line] = {}
    for row in _body_rows(here, symbols):
        line = _line_of(row, here, symbols, into=into)
        if line is not None:
            found[row.address] = line
    return found


def sites(here: Standing, view: View) -> Sequence[CallSite]:
    """The instructions of the function that may enter another one."""
    found: list[CallSite] = []
    for part in here.parts:
        size = min(part.end - part.address, FUNCTION_BYTES_MAX)
        found += call_sites(view.read(part.address, size) or b"", part.address)
    return found


def _body_rows(here: Standing, symbols: Symbols) -> Iterator[Row]:
    if here.function is None:
        return
    body = symbols.body(here.parts[0])
    for part in here.parts:
        first = body if part.address <= body < part.end else part.address
        for row in symbols.rows(part):
            if row.is_statement and row.address >= first:
                yield row
        for scope in symbols.inlined_within(first, part.end):
            at_entry = symbols.row_at(scope.entry)
            if at_entry is not None:
                yield at_entry._replace(address=scope.entry)


def _line_of(row: Row, here: Standing, symbols: Symbols, *, into: bool) -> Line | None:
    around = _inlined(symbols, row.address)
    shared = 0
    for mine, its in zip(here.inlined, around, strict=False):
        if mine is not its:
            break
        shared += 1
    own = row.path, row.line
    if len(around) == shared:
        return own
    if around[shared].begins_at(row.address):
        # To go into a call is to come to another line, even if all of it is written in one.
        return (f"{row.path}({around[shared].name})", row.line) if into else _call(around[shared])
    return own if into else None


def _inlined(symbols: Symbols, address: int) -> tuple[Scope, ...]:
    return tuple(scope for scope in symbols.scopes(address) if scope.is_inlined)


def _entered(inlined: tuple[Scope, ...], pc: int) -> tuple[Scope, ...]:
    for index, scope in enumerate(inlined):
        if scope.begins_at(pc):
            return inlined[:index]
    return inlined


def _call(scope: Scope) -> Line:
    return scope.call_path, scope.call_line
