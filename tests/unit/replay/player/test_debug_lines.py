from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from replay.player.debug_lines import (
    SECTION_BYTES_MAX,
    Row,
    SourceLines,
    _one_per_address,
    _unit_ranges,
    check_sections,
    is_path,
    span_of,
)
from tests.unit.replay.recordings import Recorder


class Section(dict[str, Any]):
    """What is asked of a section of an ELF file."""

    def __init__(self, name: str, data: bytes = b"", size: int = -1, kind: str = "SHT_PROGBITS"):
        super().__init__(sh_type=kind)
        self.name = name
        self.data_size = len(data) if size < 0 else size
        self._data = data

    def data(self) -> bytes:
        return self._data


class Elf:
    """An ELF file of nothing but ``sections``."""

    def __init__(self, *sections: Section) -> None:
        self.sections = sections

    def iter_sections(self) -> tuple[Section, ...]:
        return self.sections

    def get_section_by_name(self, name: str) -> Section | None:
        return next((s for s in self.sections if s.name == name), None)


def symbols_of(elf: ELFFile) -> dict[str, int]:
    table = elf.get_section_by_name(".symtab")
    assert table is not None
    return {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}


def source_lines(program: str) -> list[str]:
    from replay.toolchain.programs import find_program

    path: Path = find_program(program).directory / "main.c"
    return path.read_text().splitlines()


@pytest.fixture
def hello(recorder: Recorder) -> ELFFile:
    return ELFFile(io.BytesIO(recorder.guest("hello")))


def test_the_beginning_of_a_function(hello: ELFFile) -> None:
    row = SourceLines(hello).at(symbols_of(hello)["solo5_app_main"])
    assert row is not None
    text = source_lines("hello")
    first = next(number for number, row in enumerate(text, 1) if "solo5_app_main" in row)
    assert (row.file, row.path) == ("main.c", "programs/hello/main.c")
    assert first <= row.line <= len(text)
    assert row.is_statement


def test_assembly_has_lines_too(hello: ELFFile) -> None:
    row = SourceLines(hello).at(symbols_of(hello)["_start"])
    assert row is not None
    assert row.path == "bindings/hvt/start.S"
    assert row.line > 0


@pytest.mark.parametrize("address", [0, 0xFFFF, 0x10_0000_0000, (1 << 64) - 1])
def test_elsewhere_there_is_nothing(hello: ELFFile, address: int) -> None:
    assert SourceLines(hello).at(address) is None


def test_rows_of_a_function_are_one_for_each_address(hello: ELFFile) -> None:
    lines = SourceLines(hello)
    start = symbols_of(hello)["printf"]
    rows = lines.between(start, start + 0x40)
    addresses = [row.address for row in rows]
    assert addresses == sorted(set(addresses))
    assert addresses[0] == start
    assert all(lines.at(row.address) == row for row in rows)


def test_rows_of_a_file_by_its_name_or_the_end_of_its_path(hello: ELFFile) -> None:
    lines = SourceLines(hello)
    rows = lines.of_file("main.c")
    assert rows == sorted(rows)
    assert rows == lines.of_file("hello/main.c") == lines.of_file("programs/hello/main.c")
    assert {row.path for row in rows} == {"programs/hello/main.c"}
    assert lines.of_file("ain.c") == lines.of_file("") == []


def test_all_source_files_are_named(hello: ELFFile) -> None:
    paths = SourceLines(hello).paths()
    assert {"programs/hello/main.c", "bindings/hvt/start.S"} <= set(paths)
    assert paths == sorted(set(paths))


def test_files_of_a_unit_by_their_numbers(hello: ELFFile) -> None:
    lines = SourceLines(hello)
    unit = lines.unit_at(symbols_of(hello)["solo5_app_main"])
    paths = lines.unit_paths(unit)
    assert paths[1] == "programs/hello/main.c"
    assert lines.unit_at(0) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([Row(1, "a", 5, True), Row(1, "a", 6, True)], Row(1, "a", 6, True, True)),
        ([Row(1, "a", 5, True), Row(1, "a", 6, False)], Row(1, "a", 5, True, True)),
        ([Row(1, "a", 5, False), Row(1, "a", 6, False)], Row(1, "a", 6, False, True)),
        ([Row(1, "a", 5, False), Row(1, "", 0, False)], Row(1, "a", 5, False)),
        ([Row(1, "", 0, False)], Row(1, "", 0, False)),
    ],
    ids=["last", "statement", "no statement", "another's end", "end"],
)
def test_of_rows_at_one_address_one_counts(rows: list[Row], expected: Row) -> None:
    table = _one_per_address(rows)
    assert table == [expected]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("a/b.c", "b.c", True),
        ("a/b.c", "a/b.c", True),
        ("a/bb.c", "b.c", False),
        ("b.c", "b.c", True),
    ],
)
def test_what_a_name_can_mean(path: str, name: str, expected: bool) -> None:
    assert is_path(path, name) is expected


def test_a_span_is_given_by_its_end_or_its_size() -> None:
    low = SimpleNamespace(value=16, form="DW_FORM_addr")
    for high in (
        SimpleNamespace(value=48, form="DW_FORM_addr"),
        SimpleNamespace(value=32, form="DW_FORM_data8"),
    ):
        assert span_of({"DW_AT_low_pc": low, "DW_AT_high_pc": high}) == (16, 48)


@pytest.mark.slow
def test_units_without_address_ranges_are_found_as_well(recorder: Recorder, tmp_path: Path) -> None:
    guest, bare = tmp_path / "a.hvt", tmp_path / "b.hvt"
    guest.write_bytes(recorder.guest("hello"))
    subprocess.run(
        ["objcopy", "--remove-section=.debug_aranges", guest, bare], check=True, timeout=60
    )
    elf = ELFFile(io.BytesIO(bare.read_bytes()))
    assert elf.get_section_by_name(".debug_aranges") is None
    lines = SourceLines(elf)
    for name in ("solo5_app_main", "_start", "printf"):
        address = symbols_of(elf)[name]
        whole = SourceLines(ELFFile(io.BytesIO(guest.read_bytes())))
        assert lines.at(address) == whole.at(address) is not None


@pytest.mark.parametrize(
    "section",
    [
        Section(".zdebug_line"),
        Section(".debug_line", size=SECTION_BYTES_MAX + 1),
        Section(".debug_info", size=1 << 60, kind="SHT_NOBITS"),
        Section(".eh_frame", size=16, kind="SHT_NOBITS"),
    ],
    ids=lambda section: section.name,
)
def test_sections_that_could_exhaust_the_host_are_refused(section: Section) -> None:
    with pytest.raises(ValueError):
        check_sections(Elf(section))


def test_other_sections_may_be_as_they_like() -> None:
    check_sections(Elf(Section(".bss", size=1 << 40, kind="SHT_NOBITS"), Section(".debug_info")))


def range_set(*pairs: tuple[int, int], unit: int = 5, version: int = 2, length: int = -1) -> bytes:
    body = b"".join(struct.pack("<QQ", *pair) for pair in (*pairs, (0, 0)))
    size = 12 + len(body) if length < 0 else length
    return struct.pack("<IHIBB4x", size, version, unit, 8, 0) + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (range_set((16, 32), (64, 8)), [(16, 32, 5), (64, 8, 5)]),
        (range_set((16, 1)) + range_set((32, 1), unit=9), [(16, 1, 5), (32, 1, 9)]),
        (range_set((16, 1), version=3) + range_set((32, 1)), [(32, 1, 5)]),
        (range_set((16, 1), length=2**32 - 1), [(16, 1, 5)]),
        (range_set((16, 1), length=0)[:12], []),
        (bytes(100), []),
    ],
    ids=["empty", "pairs", "sets", "version", "too long", "too short", "zeros"],
)
def test_address_ranges(data: bytes, expected: list[tuple[int, int, int]]) -> None:
    assert list(_unit_ranges(Elf(Section(".debug_aranges", data)))) == expected


def test_overlapping_sets_are_not_read_over_and_over() -> None:
    endless = struct.pack("<IHIBB", 0, 2, 0, 8, 0) * 10_000
    assert len(list(_unit_ranges(Elf(Section(".debug_aranges", endless))))) <= len(endless) // 16
