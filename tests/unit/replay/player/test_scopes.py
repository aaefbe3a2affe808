from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from elftools.elf.elffile import ELFFile

from replay.player import scopes
from replay.player.debug_lines import SourceLines
from replay.player.scopes import Scope, Scopes, _ranges
from replay.player.symbols import Symbols
from tests.unit.replay.player.walked import SOURCE, build


@pytest.fixture(scope="module", params=[("gcc", "-O2"), ("clang", "-O2")], ids=" ".join)
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = build(tmp_path_factory.mktemp("scopes"), *request.param)
    return path.read_bytes()


def scopes_of(elf: bytes) -> Scopes:
    file = ELFFile(io.BytesIO(elf))
    return Scopes(file, SourceLines(file))


def test_an_inlined_call_is_in_its_function(elf: bytes) -> None:
    known = scopes_of(elf)
    calls = known.inlined("twice")
    line = 1 + SOURCE.splitlines().index("        total += twice(i);")
    assert {(call.call_path.rpartition("/")[2], call.call_line) for call in calls} == {
        ("steps.c", line)
    }
    for call in calls:
        around = known.at(call.entry)
        assert around[0].name == "loop"
        assert around[-1] is call or call in around
        assert call.holds(call.entry)
        assert call.begins_at(call.entry)


def test_a_function_is_around_all_of_its_instructions(elf: bytes) -> None:
    known = scopes_of(elf)
    (leaf,) = Symbols(elf).functions("leaf")
    for address in (leaf.address, leaf.end - 1):
        assert [scope.name for scope in known.at(address)][:1] == ["leaf"]
    assert known.at(leaf.address)[0].begins_at(leaf.address)
    assert not known.at(leaf.address)[0].begins_at(leaf.address + 1)
    assert known.at(0) == ()


def test_what_is_nowhere_inlined(elf: bytes) -> None:
    assert scopes_of(elf).inlined("leaf") == []


@pytest.mark.parametrize(("limit", "value"), [("UNIT_INFO_BYTES_MAX", 1), ("_RANGES_MAX", 0)])
def test_what_is_too_large_is_left_alone(
    elf: bytes, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(scopes, limit, value)
    known = scopes_of(elf)
    assert known.at(Symbols(elf).functions("leaf")[0].address) == ()
    assert known.inlined("twice") == []


def test_a_search_ends_where_there_is_too_much(elf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "_SEARCHED_INFO_BYTES_MAX", 1)
    assert scopes_of(elf).inlined("twice") == []


def test_ranges_count_from_their_base() -> None:
    unit = SimpleNamespace(
        get_top_DIE=lambda: SimpleNamespace(attributes={"DW_AT_low_pc": SimpleNamespace(value=100)})
    )
    items = [
        (1, 2),
        SimpleNamespace(begin_offset=1, end_offset=5, is_absolute=False),
        SimpleNamespace(begin_offset=7, end_offset=7, is_absolute=False),
        SimpleNamespace(base_address=1000),
        SimpleNamespace(begin_offset=1, end_offset=5, is_absolute=False),
        SimpleNamespace(begin_offset=1, end_offset=5, is_absolute=True),
    ]
    assert list(_ranges(unit, items)) == [(1, 2), (101, 105), (1001, 1005), (1, 5)]


def test_a_scope_may_have_gaps() -> None:
    scope = Scope("f", ((16, 32), (64, 80)), 70, None)
    assert [scope.holds(at) for at in (15, 16, 31, 32, 64, 79, 80)] == [
        False, True, True, False, True, True, False,
    ]  # fmt: skip
    assert [at for at in (16, 64, 70) if scope.begins_at(at)] == [70]
