from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines.disassembly import Syntax
from replay.engines.ram import PAGE_BYTES
from replay.player.paged_view import PagedView
from replay.player.source_files import SourceFiles
from replay.player.symbols import Symbol, Symbols
from replay.toolchain.programs import find_program
from replay.tui.model.code import CodeLooker, not_found
from replay.tui.model.code_rows import Form, code_rows
from replay.tui.model.listing import LISTING_BYTES_MAX
from replay.tui.model.rows import plain
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import (
    Guest,
    Named,
    built_and_standing_at,
    standing_at,
    stripped,
)

START = 0x100000
NO_FILES = SourceFiles([])
PROGRAMS = find_program("flaky").directory.parents[1]


def test_a_real_guest_with_its_source(recorder: Recorder) -> None:
    with standing_at(recorder, "flaky", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        seen = CodeLooker(symbols, SourceFiles([PROGRAMS])).look(PagedView(timeline))
        (main,) = symbols.functions("solo5_app_main")
        assert (seen.at, seen.rip, seen.function) == (main.address, main.address, main.name)
        assert seen.path == "programs/flaky/main.c"
        assert seen.source is not None
        assert seen.source.file == str(PROGRAMS / "programs/flaky/main.c")
        assert "solo5_app_main" in plain(seen.text[seen.line - 2])
        assert seen.code_lines[seen.line] == main.address
        instructions = seen.listing.instructions
        assert instructions[0].address == main.address
        assert instructions[-1].address + len(instructions[-1].code) == main.end
        assert not_found(seen) == ""


def test_another_place_may_be_looked_at(recorder: Recorder) -> None:
    with standing_at(recorder, "hello", "solo5_app_main") as timeline:
        symbols = Symbols(timeline.guest)
        (other,) = symbols.functions("print")
        seen = CodeLooker(symbols, NO_FILES).look(timeline, other.address)
        assert (seen.at, seen.function) == (other.address, "print")
        assert seen.rip == timeline.registers()["rip"]
        assert "programs/lib/print.c" in not_found(seen)
        assert "--source" in not_found(seen)


@pytest.mark.parametrize("how", ["--strip-debug", "--strip-all"])
def test_without_debug_information_there_is_disassembly(
    tmp_path: Path, recorder: Recorder, how: str
) -> None:
    with standing_at(recorder, "hello", "solo5_app_main") as timeline:
        looker = CodeLooker(Symbols(stripped(timeline.guest, tmp_path, how=how)), NO_FILES)
        for _ in range(100):
            seen = looker.look(timeline)
            index = seen.listing.index_of(seen.rip)
            assert index is not None
            assert seen.listing.instructions[index].address == seen.rip
            assert seen.text == ()
            assert "no source lines" in not_found(seen)
            timeline.step(1)


def test_steps_without_symbols_stay_in_one_window() -> None:
    guest = Guest({START: b"\x90" * 1000})
    looker = CodeLooker(Named(), NO_FILES)
    first = looker.look(guest, START + 300).listing
    assert first.instructions[0].address < START + 300
    assert looker.look(guest, START + 320).listing is first
    assert looker.look(guest, START + 900).listing is not first


def test_what_changes_is_listed_anew() -> None:
    looker = CodeLooker(Named([Symbol(START, "f", 4)]), NO_FILES)
    before = looker.look(Guest({START: b"\x90" * 4}, rip=START))
    after = looker.look(Guest({START: b"\x90\xc3\x90\x90"}, rip=START))
    assert [each.mnemonic for each in before.listing.instructions] == ["nop"] * 4
    assert [each.mnemonic for each in after.listing.instructions] == ["nop", "ret", "nop", "nop"]


def test_a_large_function_is_seen_in_part() -> None:
    size = 10 * LISTING_BYTES_MAX
    guest = Guest({START: (b"\x48\x89\xe5" * (size // 3 + 1))[:size]})
    looker = CodeLooker(Named([Symbol(START, "big", size)]), NO_FILES)
    for at in (START, START + 3 * 1000, START + 3 * 20_000, START + size // 3 * 3 - 3):
        seen = looker.look(guest, at)
        index = seen.listing.index_of(at)
        assert index is not None
        assert seen.listing.instructions[index].address == at
        assert len(seen.listing.instructions) < LISTING_BYTES_MAX


def test_rip_in_nowhere_says_so() -> None:
    seen = CodeLooker(Named(), NO_FILES).look(Guest({}, rip=0x123456789))
    assert seen.problem == "no memory can be read at 0x123456789"
    assert seen.listing.instructions == ()


def test_rip_amid_an_instruction_begins_a_listing() -> None:
    guest = Guest({START: bytes.fromhex("b890909090c3")}, rip=START + 2)
    seen = CodeLooker(Named([Symbol(START, "f", 6)]), NO_FILES).look(guest)
    assert seen.listing.instructions[0].address == START + 2


def test_a_caller_is_seen_by_the_call_that_it_stands_behind() -> None:
    guest = Guest({START: bytes.fromhex("90e800000000c3")}, rip=0)
    seen = CodeLooker(Named([Symbol(START, "f", 7)]), NO_FILES).look(guest, START + 5)
    assert seen.listing.index_of(seen.at) == 1


def test_code_up_to_the_end_of_memory() -> None:
    page = PAGE_BYTES * 16
    guest = Guest({page: b"\x90" * PAGE_BYTES})
    seen = CodeLooker(Named(), NO_FILES).look(guest, page + PAGE_BYTES - 1)
    assert seen.listing.instructions[-1].address == page + PAGE_BYTES - 1


def test_whether_a_branch_is_taken() -> None:
    code = {START: bytes.fromhex("7402 90 90 c3")}
    looker = CodeLooker(Named([Symbol(START, "f", 5)]), NO_FILES)
    assert looker.look(Guest(code, rip=START, rflags=0x40)).taken is True
    assert looker.look(Guest(code, rip=START, rflags=0)).taken is False
    assert looker.look(Guest(code, rip=START + 2)).taken is None


def test_either_syntax() -> None:
    guest = Guest({START: bytes.fromhex("4889e5")}, rip=START)
    looker = CodeLooker(Named([Symbol(START, "f", 3)]), NO_FILES)
    texts = {s: looker.look(guest, syntax=s).listing.instructions[0].operands for s in Syntax}
    assert texts == {Syntax.INTEL: "rbp, rsp", Syntax.ATT: "%rsp, %rbp"}


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    looker = CodeLooker(Named(), NO_FILES)
    for number in range(100):
        looker.look(Guest({START: bytes([number]) * 64}, rip=START))
    assert len(looker._listings) <= 16


ADDRESSES = st.one_of(st.integers(START - 300, START + 600), st.integers(0, (1 << 64) - 1))


@given(
    st.binary(max_size=500),
    ADDRESSES,
    st.one_of(st.none(), ADDRESSES),
    st.lists(st.tuples(ADDRESSES, st.integers(0, 1 << 64)), max_size=3),
)
def test_nothing_breaks_it(
    code: bytes, rip: int, at: int | None, functions: list[tuple[int, int]]
) -> None:
    names = Named([Symbol(address, "f\n", size) for address, size in functions])
    guest = Guest({START: code}, rip=rip)
    looker = CodeLooker(names, NO_FILES)
    for place in (at, None, rip):
        seen = looker.look(PagedView(guest), place)
        assert bool(seen.problem) != bool(seen.listing.instructions)
        if seen.listing.instructions:
            assert seen.listing.index_of(seen.at) is not None


@pytest.mark.slow
@pytest.mark.parametrize("target", ["hvt", "spt"])
@pytest.mark.parametrize("optimization", ["0", "2"])
def test_every_step_of_real_guests_is_seen(tmp_path: Path, target: str, optimization: str) -> None:
    with built_and_standing_at(
        tmp_path, "hello", target, optimization, "solo5_app_main"
    ) as timeline:
        symbols = Symbols(timeline.guest)
        looker = CodeLooker(symbols, SourceFiles([PROGRAMS]))
        for _ in range(200):
            seen = looker.look(timeline)
            rip = timeline.registers()["rip"]
            index = seen.listing.index_of(rip)
            assert index is not None
            assert seen.listing.instructions[index].address == rip
            assert seen.function
            assert seen.text, seen.path
            for form in Form:
                rows = code_rows(seen, form)
                assert rows.current is not None
                assert "\u25b6" in plain(rows.line(rows.current))
            timeline.step(1)
