from __future__ import annotations

from replay.player.loaded import Loaded
from tests.unit.replay.player.traced import Traced, at_end


def test_what_memory_held_at_the_start(traced: Traced) -> None:
    with at_end(traced) as (timeline, symbols):
        timeline.seek(timeline.start)
        loaded = Loaded(timeline, symbols)
        initial = loaded.describe(traced["initial"] + 2, b"\x34")
        assert initial == "in the guest's file: .data, initial+0x2"
        assert loaded.describe(traced["zero"], bytes(8)) == "0 since the start: .bss, zero"
        code = loaded.describe(traced["compute"], b"\xf3")
        assert code.startswith("in the guest's file: .text, compute")
        assert loaded.describe(timeline.machine.ram.size - 64, bytes(8)) == "0 since the start"
        booted = "put there at boot, before the guest ran"
        assert loaded.describe(0x1000, b"\1") == booted


def test_a_file_without_sections(traced: Traced) -> None:
    with at_end(traced) as (timeline, symbols):

        class Stripped:
            guest = b"no ELF"
            machine = timeline.machine

        loaded = Loaded(Stripped(), symbols)  # type: ignore[arg-type]
        assert loaded.section_at(traced["initial"]) is None
        assert loaded.describe(traced["initial"], b"\1") == "in the guest's file, initial"


def test_the_sections_of_a_whole_file(traced: Traced) -> None:
    with at_end(traced) as (timeline, symbols):
        loaded = Loaded(timeline, symbols)
        assert loaded.section_at(traced["initial"]) == (".data", True)
        assert loaded.section_at(traced["zero"]) == (".bss", False)
        assert loaded.section_at(0) is None
