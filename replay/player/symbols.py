"""Addresses of a guest as names and source lines, and its call stack; from its ELF and DWARF.

Everything is looked up when it is asked for: most replays never need any of it.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from replay.player.debug_lines import SourceLines, check_sections

_RSP, _RETURN_ADDRESS = 7, 16
_DWARF_REGISTERS = {
    0: "rax",
    1: "rdx",
    2: "rcx",
    3: "rbx",
    4: "rsi",
    5: "rdi",
    6: "rbp",
    7: "rsp",
    **{number: f"r{number}" for number in range(8, 16)},
    16: "rip",
}
_ADDRESS_MASK = (1 << 64) - 1
_FRAMES_MAX = 32
_SYMBOLS_MAX = 1 << 20
_FRAME_BYTES_MAX = 64 << 10
"""Of one function's call frame information, each byte of which can stand for a row."""

ReadWord = Callable[[int], int | None]
"""Reads the 8-byte word at a guest address; None where there is no memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a code address. Unknown parts are empty."""

    address: int
    function: str = ""
    offset: int = 0
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        name = f"{self.function}+{self.offset:#x}" if self.function else "?"
        source = f" at {self.file}:{self.line}" if self.file else ""
        return f"{self.address:#x} {name}{source}"


class Symbols:
    """The names in one guest's ELF file; an unreadable file simply has none."""

    def __init__(self, elf: bytes) -> None:
        from elftools.elf.elffile import ELFFile

        self._elf: Any = elf
        self._elf = self._guarded(lambda _: ELFFile(io.BytesIO(elf)))

    def place(self, address: int) -> Place:
        """The function and source line of an instruction."""
        function, start = self._function(address)
        file, line = self._line(address)
        return Place(address, function, address - start, file, line)

    def call_stack(self, registers: Mapping[str, int], read_word: ReadWord) -> list[Place]:
        """The place of the current instruction, then of each caller, innermost first."""
        state = {number: registers[name] for number, name in _DWARF_REGISTERS.items()}
        places = [self.place(state[_RETURN_ADDRESS])]
        while len(places) < _FRAMES_MAX:
            caller = self._caller(state, read_word, innermost=len(places) == 1)
            if caller is None or not caller[_RETURN_ADDRESS]:
                break
            state = caller
            # The return address is behind the call, which may be another line or function.
            places.append(self.place(state[_RETURN_ADDRESS] - 1))
        return places

    def _function(self, address: int) -> tuple[str, int]:
        index = bisect_right(self._functions, (address, "\U0010ffff", 0)) - 1
        if index >= 0:
            start, name, size = self._functions[index]
            if address < start + max(size, 1):
                return name, start
        return "", address

    @cached_property
    def _functions(self) -> list[tuple[int, str, int]]:
        return self._guarded(_function_symbols) or []

    def _line(self, address: int) -> tuple[str, int]:
        lines = self._lines
        found = None if lines is None else self._guarded(lambda _: lines.at(address))
        return found or ("", 0)

    @cached_property
    def _lines(self) -> SourceLines | None:
        found: SourceLines | None = self._guarded(SourceLines)
        return found

    @cached_property
    def _frames(self) -> list[tuple[int, int, Any]]:
        return self._guarded(_frame_descriptions) or []

    def _guarded(self, look_up: Callable[..., Any]) -> Any:
        """A look-up that gives None for the broken debug information of an untrusted file."""
        if self._elf is None:
            return None
        try:
            return look_up(self._elf)
        except Exception:  # a general parser fails in every way there is on a hostile file
            return None

    def _caller(
        self, state: Mapping[int, int], read_word: ReadWord, *, innermost: bool
    ) -> dict[int, int] | None:
        pc = state[_RETURN_ADDRESS] - (0 if innermost else 1)
        row = self._unwind_row(pc)
        if row is None or row["cfa"].reg not in state:
            return None
        cfa = (state[row["cfa"].reg] + row["cfa"].offset) & _ADDRESS_MASK
        if cfa <= state[_RSP]:
            return None  # a caller's frame is above; anything else could go round in circles
        caller = {**state, _RSP: cfa, _RETURN_ADDRESS: 0}
        for number, rule in row.items():
            if number in _DWARF_REGISTERS and rule.type == "OFFSET":
                word = read_word(cfa + rule.arg)
                if word is None:
                    return None
                caller[number] = word
        return caller

    def _unwind_row(self, pc: int) -> Mapping[Any, Any] | None:
        index = bisect_right(self._frames, pc, key=itemgetter(0)) - 1
        if index < 0:
            return None
        start, size, entry = self._frames[index]
        if pc >= start + size or entry["length"] + entry.cie["length"] > _FRAME_BYTES_MAX:
            return None
        rows = self._guarded(lambda _: entry.get_decoded().table) or []
        fitting = [row for row in rows if row["pc"] <= pc]
        return fitting[-1] if fitting and fitting[-1]["cfa"].reg is not None else None


def _function_symbols(elf: Any) -> list[tuple[int, str, int]]:
    table = elf.get_section_by_name(".symtab")
    if table is None or table.num_symbols() > _SYMBOLS_MAX:
        return []
    return sorted(
        (symbol["st_value"], symbol.name, symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC"
    )


def _frame_descriptions(elf: Any) -> list[tuple[int, int, Any]]:
    """Start, size and description of each function that has one, in order."""
    from elftools.dwarf.callframe import FDE

    check_sections(elf)
    dwarf = elf.get_dwarf_info(follow_links=False)
    entries: list[Any] = []
    if dwarf.has_CFI():
        entries += dwarf.CFI_entries()
    if dwarf.has_EH_CFI():
        entries += dwarf.EH_CFI_entries()
    found = [
        (entry.header["initial_location"], entry.header["address_range"], entry)
        for entry in entries
        if isinstance(entry, FDE)
    ]
    return sorted(found, key=itemgetter(0))
