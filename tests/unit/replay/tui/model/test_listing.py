from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from replay.engines.disassembly import Syntax
from replay.engines.ram import PAGE_BYTES
from replay.player.symbols import Symbol, Symbols
from replay.tui.model.listing import (
    ARROW_LANES,
    NO_INSTRUCTION,
    instruction_start_before,
    listing_of,
    name_of,
    readable,
)
from replay.tui.model.rows import ToCode, ToMemory
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import Guest, Named

START = 0x100000
NAMES = Named(
    functions=[Symbol(START, "pay", 0x20), Symbol(START + 0x20, "desk", 0x20)],
    variables=[Symbol(0x200000, "total", 4), Symbol(0x200010, "orders", 64)],
)


def listed(code: str, names: Symbols = NAMES, syntax: Syntax = Syntax.INTEL):  # type: ignore[no-untyped-def]
    return listing_of(names, bytes.fromhex(code), START, syntax)


def test_calls_and_data_have_names_and_targets() -> None:
    listing = listed("e81b000000 8b05f5ff0f00 bf12002000 e900000000")
    call, load, take, jump = listing.instructions
    assert (call.to, call.note, call.about) == (START + 0x20, "<desk>", ToCode(START + 0x20))
    assert (load.note, load.about) == ("<total>", ToMemory(0x200000, 4))
    assert (take.note, take.about) == ("<orders+0x2>", ToMemory(0x200012, 8))
    assert (jump.note, jump.to) == ("<pay+0x15>", START + 0x15)


def test_numbers_that_are_no_addresses_have_no_names() -> None:
    for syntax in Syntax:
        (each,) = listed("81c778563412", syntax=syntax).instructions  # add edi, 0x12345678
        assert (each.note, each.about) == ("", None)


def test_bytes_that_are_no_instruction_are_bytes() -> None:
    listing = listed("90 06 90")
    assert [each.mnemonic for each in listing.instructions] == ["nop", NO_INSTRUCTION, "nop"]
    assert listing.instructions[1].operands == "0x06"


def test_arrows_of_nested_loops_have_lanes() -> None:
    # outer: nop; inner: nop; jne inner; jne outer; je behind; nop; behind: nop
    listing = listed("90 90 75fd 75fa 7401 90 90")
    by_source = {arrow.source: arrow for arrows in listing.arrows for arrow in arrows}
    assert {(a.source, a.target, a.lane) for a in by_source.values()} == {
        (2, 1, 0),
        (3, 0, 1),
        (4, 6, 0),
    }
    assert [len(arrows) for arrows in listing.arrows] == [1, 2, 2, 1, 1, 1, 1]
    assert listing.lanes == 2


def test_an_instruction_is_found_by_each_of_its_bytes() -> None:
    listing = listed("90 e81b000000 90")
    assert [listing.index_of(START + offset) for offset in (-1, 0, 1, 5, 6, 7)] == [
        *(None, 0, 1, 1, 2, None)
    ]


@given(st.binary(max_size=300), st.sampled_from(Syntax))
def test_any_bytes_are_listed_whole(code: bytes, syntax: Syntax) -> None:
    listing = listing_of(NAMES, code, START, syntax)
    assert b"".join(each.code for each in listing.instructions) == code
    for number, arrows in enumerate(listing.arrows):
        lanes = [arrow.lane for arrow in arrows]
        assert len(set(lanes)) == len(lanes) <= ARROW_LANES
        assert all(arrow.top <= number <= arrow.bottom for arrow in arrows)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_the_way_back_comes_by(code: bytes, offset: int) -> None:
    guest = Guest({START: code})
    at = START + min(offset, len(code))
    start = instruction_start_before(guest, at)
    assert start <= at
    listing = listing_of(Named(), code[start - START :][: at - start], start, Syntax.INTEL)
    assert all(each.mnemonic != NO_INSTRUCTION for each in listing.instructions)


def test_the_way_back_does_not_leave_what_can_be_read() -> None:
    page = 0x5000
    guest = Guest({page: b"\x90" * PAGE_BYTES})
    assert instruction_start_before(guest, page) == page
    assert instruction_start_before(guest, page + 10) == page
    assert instruction_start_before(guest, page + 500) == page + 500 - 96
    assert instruction_start_before(guest, 0) == 0


def test_memory_as_far_as_it_can_be_read() -> None:
    page = 0x5000
    guest = Guest({page: b"\x90" * PAGE_BYTES})
    assert readable(guest, page + 1, page + 9000) == b"\x90" * (PAGE_BYTES - 1)
    assert readable(guest, page - 1, page + 9) == b""
    assert readable(guest, page, page) == b""


def test_names_with_offsets() -> None:
    assert name_of(NAMES, START) == "pay"
    assert name_of(NAMES, START + 4) == "pay+0x4"
    assert name_of(NAMES, 0x200003) == "total+0x3"
    assert name_of(NAMES, 0x200004) == ""


def test_a_real_function_has_lines_and_inlined_calls(recorder: Recorder) -> None:
    symbols = Symbols(recorder.guest("flaky"))
    (main,) = symbols.functions("solo5_app_main")
    code = symbols.code(main.address, main.end)
    listing = listing_of(symbols, code, main.address, Syntax.INTEL)
    inlined = {each.inlined for each in listing.instructions}
    assert () in inlined
    assert any(names[:2] == ("do_business", "place_order") for names in inlined)
    for each in listing.instructions:
        scopes = [scope.name for scope in symbols.scopes(each.address) if scope.is_inlined]
        assert list(each.inlined) == scopes[-4:]
    assert all(each.line for each in listing.instructions)
    assert "<args_next>" in {each.note for each in listing.instructions}
