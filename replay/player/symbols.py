"""Addresses of a guest as names and source lines and back, and its call stack; from its ELF file.

Everything is looked up when it is asked for: most replays never need any of it. The file is
untrusted, and what is broken in it counts as not being there.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replay.player.debug_lines import Row, SourceLines
from replay.player.frames import CallFrames, Frame, ReadWord
from replay.player.prologues import Manners, body_address, manners_of
from replay.player.scopes import Scope, Scopes

_FRAMES_MAX = 32
_SYMBOLS_MAX = 1 << 20
_NAME_BYTES_MAX = 64 << 20
_LONGEST_NAME = 4096
_ENTRY = struct.Struct("<IBBHQQ")  # Elf64_Sym (System V ABI, "Symbol Table")
_KIND, _VARIABLE, _FUNCTION = 0xF, 1, 2  # of st_info: STT_OBJECT, STT_FUNC
_COLD = ".cold"
FUNCTION_BYTES_MAX = 256 << 10
"""Of one function's lines and instructions that are looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a code address. Unknown parts are empty.

    ``path`` is that of the source as the compiler wrote it, ``file`` its last part.
    """

    address: int
    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0
    path: str = ""

    def __str__(self) -> str:
        name = f"{self.function}+{self.offset:#x}" if self.function else "?"
        source = f" at {self.file}:{self.line}" if self.file else ""
        return f"{self.address:#x} {name}{source}"


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A function or a variable: where it begins, and its size in bytes (0: unknown)."""

    address: int
    name: str
    size: int

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.address + max(self.size, 1)


class Symbols:
    """The names in one guest's ELF file; an unreadable file simply has none."""

    def __init__(self, elf: bytes) -> None:
        from elftools.elf.elffile import ELFFile

        self._elf: Any = elf
        self._elf = self._guarded(lambda: ELFFile(io.BytesIO(elf)))

    def place(self, address: int) -> Place:
        """The function and source line of an instruction."""
        function = self.function_at(address)
        row = self.row_at(address)
        name, start = (function.name, function.address) if function else ("", address)
        if row is None:
            return Place(address, name, address - start)
        return Place(address, name, address - start, row.file, row.line, row.path)

    def call_stack(self, registers: Mapping[str, int], read_word: ReadWord) -> list[Place]:
        """The place of the current instruction, then of each caller, innermost first."""
        places = [self.place(registers["rip"])]
        while len(places) < _FRAMES_MAX:
            frame = self.frame(registers, read_word, innermost=len(places) == 1)
            if frame is None or not frame.caller["rip"]:
                break
            registers = frame.caller
            # The return address is behind the call, which may be another line or function.
            places.append(self.place(registers["rip"] - 1))
        return places

    def frame(
        self, registers: Mapping[str, int], read_word: ReadWord, *, innermost: bool = True
    ) -> Frame | None:
        """The frame that ``registers`` belong to; None where the file does not describe it."""
        frames = self._frames
        if frames is None:
            return None
        found: Frame | None = self._guarded(
            lambda: frames.frame(registers, read_word, innermost=innermost)
        )
        return found

    def cfa(self, registers: Mapping[str, int]) -> int | None:
        """The canonical frame address at the current instruction; None where it is unknown."""
        frames = self._frames
        found: int | None = None if frames is None else self._guarded(lambda: frames.cfa(registers))
        return found

    def function_at(self, address: int) -> Symbol | None:
        """The function that an instruction belongs to."""
        functions = self._functions
        index = bisect_right(functions, address, key=lambda symbol: symbol.address) - 1
        if index >= 0 and address < functions[index].end:
            return functions[index]
        return None

    def functions(self, name: str) -> Sequence[Symbol]:
        """The functions of that name: of static ones there can be several."""
        return self._functions_by_name.get(name, ())

    def function_names(self) -> Sequence[str]:
        """All functions by name, without those that are inlined everywhere."""
        return sorted(self._functions_by_name)

    def whole(self, function: Symbol) -> Sequence[Symbol]:
        """A function and the part of it that a compiler has put elsewhere, the entry first."""
        name = function.name.partition(_COLD)[0]
        same = self.functions(name)
        if len(same) != 1:
            return [function]  # of which of them a part is, nobody knows
        return [*same, *self._cold_parts.get(name, ())]

    def body(self, function: Symbol) -> int:
        """Where a function is stopped at: its first instruction, or that behind the making of its
        frame where its variables are not to be found before."""
        rows = self.rows(function)
        if not rows:
            return function.address
        manners: Manners | None = self._guarded(
            lambda: manners_of(self._known_lines.unit_at(function.address))
        )
        code = self.code(function.address, function.end)
        return body_address(function.address, rows, code, manners or Manners.PLAIN)

    def variable(self, name: str) -> Symbol | None:
        """A global variable, or a static one of a function that has the only one of that name."""
        found = self._variables.get(name)
        if found is None:
            inner = [s for n, s in self._variables.items() if n.rpartition(".")[0] == name]
            found = inner[0] if len(inner) == 1 else None
        return found

    def variable_names(self) -> Sequence[str]:
        """All global and static variables by name."""
        return sorted(self._variables)

    def variable_at(self, address: int) -> Symbol | None:
        """The variable that a byte belongs to."""
        found = self.variables_within(address, address + 1)
        return found[-1] if found else None

    def variables_within(self, start: int, end: int) -> Sequence[Symbol]:
        """The variables that have bytes in an address range, in order; of those that reach into it
        from before, the one that begins last."""
        known = self._all_variables
        first = bisect_left(known, start, key=lambda symbol: symbol.address)
        behind = bisect_left(known, end, first, key=lambda symbol: symbol.address)
        reaches_in = first > 0 and known[first - 1].end > start
        return known[first - 1 if reaches_in else first : behind]

    def all_functions(self) -> Sequence[Symbol]:
        """All functions by address."""
        return self._functions

    def all_variables(self) -> Sequence[Symbol]:
        """All global and static variables by address."""
        return self._all_variables

    def row_at(self, address: int) -> Row | None:
        """The row of the line table that an instruction belongs to."""
        row: Row | None = self._guarded(lambda: self._known_lines.at(address))
        return row

    def rows(self, function: Symbol) -> Sequence[Row]:
        """The rows of the line table that begin in a function, in order of their addresses."""
        end = min(function.end, function.address + FUNCTION_BYTES_MAX)
        return self._guarded(lambda: self._known_lines.between(function.address, end)) or []

    def rows_of_file(self, name: str) -> Sequence[Row]:
        """All rows of the source files that ``name``, a path or the end of one, can mean."""
        return self._guarded(lambda: self._known_lines.of_file(name)) or []

    def paths(self) -> Sequence[str]:
        """The source files, as the compiler wrote their paths."""
        lines = self._lines
        return [] if lines is None else self._guarded(lines.paths) or []

    def compiled_in(self, address: int) -> str:
        """The folder that the paths of an instruction's unit start from; empty where unknown."""
        return self._guarded(lambda: self._known_lines.folder_at(address)) or ""

    def scopes(self, address: int) -> tuple[Scope, ...]:
        """The functions, inlined calls and blocks around an instruction, outermost first."""
        return self._guarded(lambda: self._known_scopes.at(address)) or ()

    def inlined(self, name: str) -> Sequence[Scope]:
        """The inlined calls of a function."""
        return self._guarded(lambda: self._known_scopes.inlined(name)) or []

    def inlined_within(self, start: int, end: int) -> Sequence[Scope]:
        """The inlined calls that begin in a part of a function."""
        return self._guarded(lambda: self._known_scopes.inlined_within(start, end)) or []

    def code(self, start: int, end: int) -> bytes:
        """Instructions as the file has them; less where it has less."""
        return self._guarded(lambda: _loaded(self._elf, start, end)) or b""

    @cached_property
    def _symbols(self) -> Mapping[int, list[Symbol]]:
        return self._guarded(lambda: _symbols(self._elf)) or {}

    @cached_property
    def _functions(self) -> list[Symbol]:
        return self._symbols.get(_FUNCTION, [])

    @cached_property
    def _functions_by_name(self) -> dict[str, list[Symbol]]:
        named: dict[str, list[Symbol]] = {}
        for symbol in self._functions:
            named.setdefault(symbol.name, []).append(symbol)
        return named

    @cached_property
    def _cold_parts(self) -> dict[str, list[Symbol]]:
        parts: dict[str, list[Symbol]] = {}
        for symbol in self._functions:
            name, is_cold, _ = symbol.name.partition(_COLD)
            if is_cold:
                parts.setdefault(name, []).append(symbol)
        return parts

    @cached_property
    def _all_variables(self) -> list[Symbol]:
        return self._symbols.get(_VARIABLE, [])

    @cached_property
    def _variables(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in self._all_variables}

    @cached_property
    def _frames(self) -> CallFrames | None:
        found: CallFrames | None = self._guarded(lambda: CallFrames(self._elf))
        return found

    @cached_property
    def _lines(self) -> SourceLines | None:
        found: SourceLines | None = self._guarded(lambda: SourceLines(self._elf))
        return found

    @property
    def _known_lines(self) -> SourceLines:
        """Raises ValueError where there are none; to be guarded."""
        if self._lines is None:
            raise ValueError("no source lines")
        return self._lines

    @cached_property
    def _scopes(self) -> Scopes | None:
        found: Scopes | None = self._guarded(lambda: Scopes(self._elf, self._known_lines))
        return found

    @property
    def _known_scopes(self) -> Scopes:
        """Raises ValueError where there are none; to be guarded."""
        if self._scopes is None:
            raise ValueError("no scopes")
        return self._scopes

    def _guarded(self, look_up: Callable[[], Any]) -> Any:
        """A look-up that gives None for the broken debug information of an untrusted file."""
        if self._elf is None:
            return None
        try:
            return look_up()
        except Exception:  # a general parser fails in every way there is on a hostile file
            return None


def _symbols(elf: Any) -> Mapping[int, list[Symbol]]:
    """Functions and variables by their kinds, in order.

    The parser beneath takes a minute for the symbols of the largest guests, which are wanted for
    the first row of a screen.
    """
    found: dict[int, list[tuple[int, str, int]]] = {_FUNCTION: [], _VARIABLE: []}
    table = elf.get_section_by_name(".symtab")
    if table is None or table["sh_size"] > _SYMBOLS_MAX * _ENTRY.size:
        return {}
    data, names = table.data(), elf.get_section(table["sh_link"]).data()
    left = _NAME_BYTES_MAX
    for entry in _ENTRY.iter_unpack(data[: len(data) // _ENTRY.size * _ENTRY.size]):
        at, info, _, _, address, size = entry
        if info & _KIND in found:
            name = _name(names, at)
            left -= len(name)
            if left < 0:
                break
            found[info & _KIND].append((address, name, size))
    return {kind: [Symbol(*each) for each in sorted(known)] for kind, known in found.items()}


def _name(names: bytes, at: int) -> str:
    end = names.find(0, at, at + _LONGEST_NAME)
    return names[at : end if end >= 0 else at + _LONGEST_NAME].decode("utf-8", "replace")


def _loaded(elf: Any, start: int, end: int) -> bytes:
    for segment in elf.iter_segments("PT_LOAD"):
        offset = start - segment["p_vaddr"]
        if 0 <= offset < segment["p_filesz"]:
            size = min(end - start, segment["p_filesz"] - offset, FUNCTION_BYTES_MAX)
            elf.stream.seek(segment["p_offset"] + offset)
            return bytes(elf.stream.read(max(size, 0)))
    return b""
