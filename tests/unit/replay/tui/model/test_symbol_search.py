from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.player.symbols import Symbol, Symbols
from replay.tui.model.rows import Role, ToCode, ToMemory
from replay.tui.model.symbol_search import FOUND_MAX, SymbolNames, SymbolRows, symbol_names
from tests.unit.replay.recordings import Recorder
from tests.unit.replay.tui.model.guests import texts

NAMES = SymbolNames(
    [
        Symbol(0x100, "net_read", 10),
        Symbol(0x200, "read", 10),
        Symbol(0x300, "read_all", 0),
        Symbol(0x400, "camlNet__Read_12", 10),
        Symbol(0x500, "run_every_audit", 10),
    ],
    [Symbol(0x900, "readers", 8)],
)


def names(query: str, most: int = FOUND_MAX) -> list[str]:
    return [found.symbol.name for found in NAMES.search(query, most)]


def test_the_nearest_come_first() -> None:
    assert names("read") == [
        *("read", "readers", "read_all", "net_read", "camlNet__Read_12", "run_every_audit")
    ]
    assert names("READ", 2) == ["read", "readers"]


def test_all_words_are_wanted() -> None:
    assert names("net read") == ["net_read", "camlNet__Read_12"]
    assert names("read nothing") == []


def test_letters_in_order() -> None:
    assert names("nrd") == ["net_read", "run_every_audit", "camlNet__Read_12"]
    assert names("zz") == []
    assert names("^]\\-") == []


def test_nothing_asked_for_is_everything() -> None:
    assert len(names("")) == len(NAMES) == 6
    assert len(names("  ", 2)) == 2


def test_rows_tell_what_agrees_and_lead_there() -> None:
    rows = SymbolRows(NAMES.search("rea"))
    assert texts(rows)[0] == "0x00000200 function  read  10 bytes"
    assert [span.text for span in rows.line(0) if span.role is Role.MATCH] == ["rea"]
    assert {span.target for span in rows.line(0)} == {None, ToCode(0x200)}
    assert {span.target for span in rows.line(1)} == {None, ToMemory(0x900)}
    assert rows.symbol(1).name == "readers"
    letters = SymbolRows(NAMES.search("nrd")).line(0)
    assert [span.text for span in letters if span.role is Role.MATCH] == ["n", "r", "d"]


def test_a_real_guest(recorder: Recorder) -> None:
    found = symbol_names(Symbols(recorder.guest("flaky"))).search("app_main")
    assert [each.symbol.name for each in found[:1]] == ["solo5_app_main"]


@pytest.mark.parametrize("query", ["a", "caml", "map_4", "zq", "cml9", "list fold", "x" * 100])
def test_many_names(query: str) -> None:
    modules = ["List", "Lwt", "Map", "String", "Bytes"]
    many = SymbolNames(
        [
            Symbol(
                n * 16, f"camlStdlib__{modules[n % 5]}__{['fold', 'map', 'iter'][n % 3]}_{n}", 16
            )
            for n in range(50_000)
        ],
        [],
    )
    assert len(many.search(query)) <= FOUND_MAX


@given(
    st.lists(st.text(max_size=400), max_size=8),
    st.text(max_size=120),
)
def test_any_names_and_queries_are_rows(given_names: list[str], query: str) -> None:
    symbols = [Symbol(number, name, 0) for number, name in enumerate(given_names)]
    found = SymbolNames(symbols, symbols).search(query)
    assert len(texts(SymbolRows(found))) == len(found)
    if query.isascii() and query.split() == [query]:
        whole = {name for name in given_names if query.lower() in name[:300].lower()}
        ascii_whole = {name for name in whole if name.isascii()}
        assert ascii_whole <= {each.symbol.name for each in found}
