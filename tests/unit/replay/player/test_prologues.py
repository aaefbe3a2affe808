from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from replay.player.debug_lines import Row, SourceLines
from replay.player.prologues import Manners, body_address, manners_of
from replay.player.symbols import Symbols
from tests.unit.replay.player.debugger import gdb
from tests.unit.replay.player.walked import build
from tests.unit.replay.recordings import Recorder

PUSH, MOVE, MARK = b"\x55", b"\x48\x89\xe5", bytes.fromhex("f30f1efa")
NOTHING = b"\x90" * 8


def rows(*places: tuple[int, int], path: str = "a.c") -> list[Row]:
    return [Row(address, path, line, True) for address, line in places]


@pytest.mark.parametrize(
    ("code", "places", "expected"),
    [
        (NOTHING, [(16, 3), (20, 4)], 16),
        (PUSH + MOVE + NOTHING, [(16, 3), (24, 4)], 24),
        (PUSH + MOVE + NOTHING, [(16, 3), (20, 4)], 20),
        (PUSH + NOTHING, [(16, 3), (24, 4)], 24),
        (MARK + PUSH + MOVE + NOTHING, [(16, 3), (24, 4), (28, 5)], 24),
        (MARK + NOTHING, [(16, 3), (24, 4)], 16),
        (PUSH + MOVE + NOTHING, [(16, 3)], 20),
        (b"", [(16, 3), (24, 4)], 16),
    ],
)
def test_a_frame_is_made_by_its_instructions(
    code: bytes, places: list[tuple[int, int]], expected: int
) -> None:
    assert body_address(16, rows(*places), code, Manners.PLAIN) == expected


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(16, 3), (20, 4), (24, 5)], 20),
        ([(16, 3), (20, 2), (24, 5)], 24),
        ([(16, 3), (20, 3)], 20),
        ([(16, 3)], 16),
    ],
)
def test_a_second_row_can_tell(places: list[tuple[int, int]], expected: int) -> None:
    assert body_address(16, rows(*places), PUSH + MOVE, Manners.SECOND_ROW) == expected


def test_two_rows_at_once_tell_that_there_is_no_frame() -> None:
    shared = [Row(16, "a.c", 4, True, True), *rows((20, 5))]
    assert body_address(16, shared, NOTHING, Manners.SECOND_ROW) == 16


def test_where_variables_are_described_everywhere_nothing_is_skipped() -> None:
    places = rows((16, 3), (20, 4))
    assert body_address(16, places, PUSH + MOVE + NOTHING, Manners.LOCATED) == 16


@pytest.mark.parametrize(
    ("compiler", "level", "expected"),
    [
        ("gcc", "-O0", Manners.PLAIN),
        ("gcc", "-O2", Manners.LOCATED),
        ("clang", "-O0", Manners.SECOND_ROW),
    ],
)
def test_the_manners_of_compilers(
    tmp_path: Path, compiler: str, level: str, expected: Manners
) -> None:
    elf = build(tmp_path, compiler, level).read_bytes()
    address = Symbols(elf).functions("run")[0].address
    unit = SourceLines(ELFFile(io.BytesIO(elf))).unit_at(address)
    assert manners_of(unit) is expected


def test_the_places_are_those_of_gdb_in_a_guest(recorder: Recorder, tmp_path: Path) -> None:
    guest = tmp_path / "flaky.hvt"
    guest.write_bytes(recorder.guest("flaky"))
    symbols = Symbols(guest.read_bytes())
    known = [name for name in symbols.function_names() if len(symbols.functions(name)) == 1]
    names = [name for name in known if not symbols.inlined(name)]
    said = gdb(guest, [f"break {name}" for name in names])
    found = [int(at, 16) for at in re.findall(r"(?m)^Breakpoint \d+ at (0x[0-9a-f]+)", said)]
    expected = [symbols.body(symbols.functions(name)[0]) for name in names]
    assert len(names) > 40
    assert found == expected
