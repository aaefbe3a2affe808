from __future__ import annotations

import io
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from replay.player.frame_table import FrameTable
from tests.unit.replay.player.walked import build
from tests.unit.replay.recordings import Recorder


def opened(guest: bytes) -> Any:
    return ELFFile(io.BytesIO(guest))


def all_described(guest: bytes) -> dict[tuple[int, int], Any]:
    """What a general parser finds, when it has read all of it."""
    dwarf = opened(guest).get_dwarf_info()
    entries = dwarf.EH_CFI_entries() if dwarf.has_EH_CFI() else []
    entries = [*entries, *(dwarf.CFI_entries() if dwarf.has_CFI() else [])]
    return {
        (each.header["initial_location"], each.header["address_range"]): each.get_decoded().table
        for each in entries
        if isinstance(each, FDE)
    }


def assert_alike(guest: bytes) -> None:
    table = FrameTable(opened(guest))
    found = {(each.start, each.size): table.parsed(each) for each in table.descriptions}
    expected = all_described(guest)
    assert expected
    assert list(found) == sorted(expected)
    for key, entry in found.items():
        assert entry.header["initial_location"] == key[0]
        assert repr(entry.get_decoded().table) == repr(expected[key])


@pytest.mark.parametrize("program", ["hello", "flaky"])
@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_real_guests(recorder: Recorder, program: str, target: str) -> None:
    assert_alike(recorder.guest(program, target))


def test_a_program_that_has_both_sections(tmp_path: Path) -> None:
    path = build(tmp_path)
    (tmp_path / "more.c").write_text("int more(int x) { return x + 1; }")
    flags = ["-g", "-fno-asynchronous-unwind-tables", "-ffreestanding", "-fno-pie"]
    command = ["gcc", *flags, "-c", "more.c", "-o", "more.o"]
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path)
    both = tmp_path / "both"
    link = ["ld", "-e", "more", "--unresolved-symbols=ignore-all", "-o", both, "more.o"]
    subprocess.run([*link, "--just-symbols", path], check=True, timeout=60, cwd=tmp_path)
    assert_alike(both.read_bytes())
    assert_alike(path.read_bytes())


def test_a_description_has_a_size(recorder: Recorder) -> None:
    table = FrameTable(opened(recorder.guest("hello")))
    assert all(16 < table.size_of(each) < 1000 for each in table.descriptions)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_broken_sections_end_somewhere(recorder: Recorder, seed: int) -> None:
    data = bytearray(recorder.guest("hello"))
    section = opened(bytes(data)).get_section_by_name(".eh_frame")
    generator = random.Random(seed)
    for _ in range(1 + seed):
        data[section["sh_offset"] + generator.randrange(section["sh_size"])] = generator.randrange(
            256
        )
    try:
        table = FrameTable(opened(bytes(data)))
    except Exception:  # whatever a general parser raises
        return
    for each in table.descriptions:
        try:
            table.parsed(each).get_decoded()
        except Exception:  # the same
            continue
