"""Code addresses as source lines, from an ELF file's DWARF.

A guest's file is untrusted, and the parser beneath is a general one: whatever it is given here is
bounded first, and only the compilation unit that holds an address is read.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

SECTION_BYTES_MAX = 64 << 20
"""Of one section of debug information, inflated: what large unikernels have and hosts can hold."""

UNIT_LINE_BYTES_MAX = 1 << 20
"""Of one unit's line program, each byte of which can stand for a row."""

_UNLISTED_UNITS_MAX = 4096
_UNLISTED_LINE_BYTES_MAX = 4 << 20
_ARANGES_HEADER = struct.Struct("<IHIBB")
_ARANGES_PAIR = struct.Struct("<QQ")

Row = tuple[int, str, int]
"""From this address on: file and line; an empty file ends a sequence."""


class SourceLines:
    """Looks lines up, a unit at a time; methods raise whatever a broken file makes them raise."""

    def __init__(self, elf: Any) -> None:
        check_sections(elf)
        self._dwarf = elf.get_dwarf_info(follow_links=False)
        self._ranges = sorted(_unit_ranges(elf))
        self._tables: dict[int, list[Row]] = {}
        self._unlisted: list[Row] | None = None

    def at(self, address: int) -> tuple[str, int]:
        """File and line of an instruction; empty and 0 where nothing is known."""
        index = bisect_right(self._ranges, (address, 1 << 64, 1 << 64)) - 1
        if index >= 0:
            start, size, unit = self._ranges[index]
            if address < start + size:
                if unit not in self._tables:
                    self._tables[unit] = _in_order(self._rows(self._dwarf.get_CU_at(unit)))
                return _row_at(self._tables[unit], address)
        if self._unlisted is None:
            self._unlisted = _in_order(self._rows_of_unlisted())
        return _row_at(self._unlisted, address)

    def _rows_of_unlisted(self) -> Iterator[Row]:
        """The rows of units that no address range is given for, as some compilers have it."""
        listed = {unit for _, _, unit in self._ranges}
        left = _UNLISTED_LINE_BYTES_MAX
        for unit in islice(self._dwarf.iter_CUs(), _UNLISTED_UNITS_MAX):
            if unit.cu_offset not in listed:
                left -= _line_bytes(self._dwarf.line_program_for_CU(unit))
                if left < 0:
                    return
                yield from self._rows(unit)

    def _rows(self, unit: Any) -> Iterator[Row]:
        program = self._dwarf.line_program_for_CU(unit)
        if program is None or _line_bytes(program) > UNIT_LINE_BYTES_MAX:
            return
        files = program.header["file_entry"]
        first = 0 if program.header["version"] >= 5 else 1
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if state.end_sequence:
                yield state.address, "", 0
            elif 0 <= state.file - first < len(files):
                name = files[state.file - first].name.decode("utf-8", "replace")
                yield state.address, name, state.line


def check_sections(elf: Any) -> None:
    """Raises ValueError for debug information that is too large, or only claims to be there."""
    for section in elf.iter_sections():
        if section.name.startswith(".zdebug"):
            raise ValueError("a section in an old compressed form, whose size nobody knows")
        is_empty = section["sh_type"] == "SHT_NOBITS"
        is_debug = section.name.startswith((".debug_", ".eh_frame"))
        if is_debug and (is_empty or section.data_size > SECTION_BYTES_MAX):
            raise ValueError(f"a section of {section.data_size} bytes")


def _line_bytes(program: Any) -> int:
    return 0 if program is None else program.program_end_offset - program.program_start_offset


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """By address; of rows at one address the last counts, but no end of what stands before."""
    return sorted(rows, key=lambda row: (row[0], row[1] != ""))


def _row_at(table: list[Row], address: int) -> tuple[str, int]:
    index = bisect_right(table, address, key=itemgetter(0)) - 1
    return table[index][1:] if index >= 0 else ("", 0)


def _unit_ranges(elf: Any) -> Iterator[tuple[int, int, int]]:
    """Start, size and unit of every address range (DWARF 5, 6.1.2: .debug_aranges)."""
    section = elf.get_section_by_name(".debug_aranges")
    data = b"" if section is None else section.data()
    at = 0
    while at + _ARANGES_HEADER.size <= len(data):
        length, version, unit, address_bytes, segment_bytes = _ARANGES_HEADER.unpack_from(data, at)
        end = min(at + 4 + length, len(data))
        if (version, address_bytes, segment_bytes) == (2, 8, 0):
            # Pairs are aligned to their own size, from the beginning of the set.
            for pair in range(at + 16, end - _ARANGES_PAIR.size + 1, _ARANGES_PAIR.size):
                start, size = _ARANGES_PAIR.unpack_from(data, pair)
                if size:
                    yield start, size, unit
        at = end
