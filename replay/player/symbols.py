"""Addresses of a guest as names and source lines, and its call stack; from its ELF and DWARF.

Everything is looked up when it is asked for: most replays never need any of it.
"""

from __future__ import annotations

import contextlib
import io
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
_FRAMES_MAX = 32

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
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        self._elf: Any = None
        with contextlib.suppress(ELFError, ValueError):
            self._elf = ELFFile(io.BytesIO(elf))

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
        table = self._guarded(lambda elf: elf.get_section_by_name(".symtab"))
        if table is None:
            return []
        return sorted(
            (symbol["st_value"], symbol.name, symbol["st_size"])
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
        )

    def _line(self, address: int) -> tuple[str, int]:
        index = bisect_right(self._lines, (address, "\U0010ffff", 0)) - 1
        if index < 0:
            return "", 0
        _, file, line = self._lines[index]
        return file, line

    @cached_property
    def _lines(self) -> list[tuple[int, str, int]]:
        return self._guarded(_line_table) or []

    @cached_property
    def _frames(self) -> list[Any]:
        return self._guarded(_frame_descriptions) or []

    def _guarded(self, look_up: Callable[..., Any]) -> Any:
        """A look-up that gives None for the broken debug information of an untrusted file."""
        if self._elf is None:
            return None
        try:
            return look_up(self._elf)
        except Exception:
            return None

    def _caller(
        self, state: Mapping[int, int], read_word: ReadWord, *, innermost: bool
    ) -> dict[int, int] | None:
        pc = state[_RETURN_ADDRESS] - (0 if innermost else 1)
        row = self._unwind_row(pc)
        if row is None or row["cfa"].reg not in state:
            return None
        cfa = state[row["cfa"].reg] + row["cfa"].offset
        caller = {**state, _RSP: cfa}
        for number, rule in row.items():
            if number in _DWARF_REGISTERS and rule.type == "OFFSET":
                word = read_word(cfa + rule.arg)
                if word is None:
                    return None
                caller[number] = word
        return caller if caller[_RETURN_ADDRESS] != state[_RETURN_ADDRESS] else None

    def _unwind_row(self, pc: int) -> Mapping[Any, Any] | None:
        for entry in self._frames:
            start = entry.header["initial_location"]
            if start <= pc < start + entry.header["address_range"]:
                rows = self._guarded(lambda _, entry=entry: entry.get_decoded().table) or []
                fitting = [row for row in rows if row["pc"] <= pc]
                return fitting[-1] if fitting and fitting[-1]["cfa"].reg is not None else None
        return None


def _line_table(elf: Any) -> list[tuple[int, str, int]]:
    dwarf = elf.get_dwarf_info()
    lines = []
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        files = program.header["file_entry"]
        first = 0 if program.header["version"] >= 5 else 1
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if state.end_sequence:
                lines.append((state.address, "", 0))
            elif 0 <= state.file - first < len(files):
                name = files[state.file - first].name.decode("utf-8", "replace")
                lines.append((state.address, name, state.line))
    return sorted(lines)


def _frame_descriptions(elf: Any) -> list[Any]:
    from elftools.dwarf.callframe import FDE

    dwarf = elf.get_dwarf_info()
    entries: list[Any] = []
    if dwarf.has_CFI():
        entries += dwarf.CFI_entries()
    if dwarf.has_EH_CFI():
        entries += dwarf.EH_CFI_entries()
    return [entry for entry in entries if isinstance(entry, FDE)]
