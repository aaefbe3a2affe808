"""Code addresses as source lines and back, from an ELF file's DWARF.

A guest's file is untrusted, and the parser beneath is a general one: whatever it is given here is
bounded first, and only the compilation units that are asked for are read.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

SECTION_BYTES_MAX = 64 << 20
"""Of one section of debug information, inflated: what large unikernels have and hosts can hold."""

UNIT_LINE_BYTES_MAX = 1 << 20
"""Of one unit's line program, each byte of which can stand for a row."""

_UNITS_MAX = 4096
_SEARCHED_LINE_BYTES_MAX = 4 << 20
_ARANGES_HEADER = struct.Struct("<IHIBB")
_ARANGES_PAIR = struct.Struct("<QQ")
_END = ""


class Row(NamedTuple):
    """A row of the line table (DWARF 5, 6.2): from ``address`` on, the code is of ``line``.

    ``path`` is as the compiler wrote it, without the folder of the compilation. ``is_statement``:
    the line is meant to be stopped at here. ``is_shared``: other rows begin at the same address.
    """

    address: int
    path: str
    line: int
    is_statement: bool
    is_shared: bool = False

    @property
    def file(self) -> str:
        """The name of the file alone."""
        return self.path.rpartition("/")[2]


class SourceLines:
    """Looks lines up, a unit at a time; methods raise whatever a broken file makes them raise.

    Of the rows at one address one counts: the last that is a statement, or else the last.
    """

    def __init__(self, elf: Any) -> None:
        check_sections(elf)
        self._dwarf = elf.get_dwarf_info(follow_links=False)
        listed = list(_unit_ranges(elf))
        unlisted = list(self._ranges_of_others({unit for _, _, unit in listed}))
        self._ranges = sorted([*listed, *unlisted])
        self._read: dict[int, list[Row]] = {}
        self._tables: dict[int, list[Row]] = {}
        self._unlisted: list[Row] | None = None
        self._paths: dict[int, list[str]] | None = None

    def at(self, address: int) -> Row | None:
        """The row that an instruction belongs to."""
        table = self._table_of(address)
        index = bisect_right(table, address, key=itemgetter(0)) - 1
        return table[index] if index >= 0 and table[index].path != _END else None

    def between(self, start: int, end: int) -> list[Row]:
        """The rows that begin in an address range of one unit, in order of their addresses."""
        table = self._table_of(start)
        first = bisect_left(table, start, key=itemgetter(0))
        behind = bisect_left(table, end, first, key=itemgetter(0))
        return [row for row in table[first:behind] if row.path != _END]

    def of_file(self, name: str) -> list[Row]:
        """All rows of the files that ``name`` can mean, whether they count or not, in order of
        their addresses."""
        found: list[Row] = []
        left = _SEARCHED_LINE_BYTES_MAX
        for offset, paths in self._paths_of_units().items():
            if not any(is_path(path, name) for path in paths):
                continue
            unit = self._dwarf.get_CU_at(offset)
            left -= _line_bytes(self._dwarf.line_program_for_CU(unit))
            if left < 0:
                break
            found += [row for row in self._all_rows(offset) if is_path(row.path, name)]
        return sorted(found)

    def paths(self) -> list[str]:
        """All source files that are named, whether there is code of theirs or not."""
        return sorted({path for paths in self._paths_of_units().values() for path in paths})

    def unit_at(self, address: int) -> Any:
        """The compilation unit that has the code at an address; None where none is known."""
        offset = self._unit_offset(address)
        return None if offset is None else self._dwarf.get_CU_at(offset)

    def folder_at(self, address: int) -> str:
        """The folder of the compilation that an instruction is from; empty where unknown."""
        unit = self.unit_at(address)
        top = None if unit is None else unit.get_top_DIE().attributes
        return _text(top["DW_AT_comp_dir"].value) if top and "DW_AT_comp_dir" in top else ""

    def units(self) -> Iterator[Any]:
        """All compilation units, as far as one looks."""
        return islice(self._dwarf.iter_CUs(), _UNITS_MAX)

    def unit_paths(self, unit: Any) -> list[str]:
        """The source files of a unit, by the numbers that its entries have for them."""
        program = self._dwarf.line_program_for_CU(unit)
        if program is None:
            return []
        paths = _file_paths(program.header)
        return paths if program.header["version"] >= 5 else ["", *paths]

    def _unit_offset(self, address: int) -> int | None:
        index = bisect_right(self._ranges, (address, 1 << 64, 1 << 64)) - 1
        if index >= 0:
            start, size, unit = self._ranges[index]
            if address < start + size:
                return unit
        return None

    def _table_of(self, address: int) -> list[Row]:
        offset = self._unit_offset(address)
        if offset is not None:
            return self._table(offset)
        if self._unlisted is None:
            self._unlisted = _one_per_address(self._rows_of_unlisted())
        return self._unlisted

    def _table(self, offset: int) -> list[Row]:
        if offset not in self._tables:
            self._tables[offset] = _one_per_address(self._all_rows(offset))
        return self._tables[offset]

    def _all_rows(self, offset: int) -> list[Row]:
        if offset not in self._read:
            self._read[offset] = list(self._rows(self._dwarf.get_CU_at(offset)))
        return self._read[offset]

    def _ranges_of_others(self, listed: set[int]) -> Iterator[tuple[int, int, int]]:
        """Of units that .debug_aranges leaves out, which some compilers do not even write."""
        for unit in self.units():
            if unit.cu_offset not in listed:
                attributes = unit.get_top_DIE().attributes
                if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
                    start, end = span_of(attributes)
                    yield start, end - start, unit.cu_offset

    def _rows_of_unlisted(self) -> Iterator[Row]:
        """The rows of units that no address range is known of."""
        listed = {unit for _, _, unit in self._ranges}
        left = _SEARCHED_LINE_BYTES_MAX
        for unit in self.units():
            if unit.cu_offset not in listed:
                left -= _line_bytes(self._dwarf.line_program_for_CU(unit))
                if left < 0:
                    return
                yield from self._rows(unit)

    def _rows(self, unit: Any) -> Iterator[Row]:
        program = self._dwarf.line_program_for_CU(unit)
        if program is None or _line_bytes(program) > UNIT_LINE_BYTES_MAX:
            return
        paths = _file_paths(program.header)
        first = 0 if program.header["version"] >= 5 else 1
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if state.end_sequence:
                yield Row(state.address, _END, 0, False)
            elif 0 <= state.file - first < len(paths):
                path = paths[state.file - first]
                yield Row(state.address, path, state.line, bool(state.is_stmt))

    def _paths_of_units(self) -> dict[int, list[str]]:
        if self._paths is None:
            self._paths = {}
            for unit in self.units():
                program = self._dwarf.line_program_for_CU(unit)
                if program is not None:
                    self._paths[unit.cu_offset] = _file_paths(program.header)
        return self._paths


def check_sections(elf: Any) -> None:
    """Raises ValueError for debug information that is too large, or only claims to be there."""
    for section in elf.iter_sections():
        if section.name.startswith(".zdebug"):
            raise ValueError("a section in an old compressed form, whose size nobody knows")
        is_empty = section["sh_type"] == "SHT_NOBITS"
        is_debug = section.name.startswith((".debug_", ".eh_frame"))
        if is_debug and (is_empty or section.data_size > SECTION_BYTES_MAX):
            raise ValueError(f"a section of {section.data_size} bytes")


def is_path(path: str, name: str) -> bool:
    """Whether ``name`` can mean the file at ``path``: its whole path or the end of it."""
    return path == name or path.endswith("/" + name)


def span_of(attributes: Any) -> tuple[int, int]:
    """Start and end of an entry with DW_AT_low_pc and DW_AT_high_pc, which may be a size."""
    start = attributes["DW_AT_low_pc"].value
    high = attributes["DW_AT_high_pc"]
    return start, high.value if high.form.startswith("DW_FORM_addr") else start + high.value


def _line_bytes(program: Any) -> int:
    return 0 if program is None else program.program_end_offset - program.program_start_offset


def _file_paths(header: Any) -> list[str]:
    """The files of a line program in order; its first folder is that of the compilation."""
    folders = [_text(folder) for folder in header["include_directory"] or ()]
    if header["version"] < 5:
        folders.insert(0, "")
    paths = []
    for entry in header["file_entry"]:
        folder = folders[entry.dir_index] if 0 < entry.dir_index < len(folders) else ""
        paths.append(f"{folder}/{_text(entry.name)}" if folder else _text(entry.name))
    return paths


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _one_per_address(rows: Iterable[Row]) -> list[Row]:
    """In order; the end of a sequence counts only where nothing else begins."""
    table: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.address, row.path != _END)):
        if not table or table[-1].address != row.address:
            table.append(row)
            continue
        is_shared = table[-1].path != _END
        counting = row if row.is_statement or not table[-1].is_statement else table[-1]
        table[-1] = counting._replace(is_shared=is_shared)
    return table


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
