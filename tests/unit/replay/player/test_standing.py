from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.standing import Standing, read_words, sites, standing, statements
from replay.player.symbols import Symbols
from tests.unit.replay.player.walked import SOURCE, STACK, Walked, build

World = tuple[Walked, Symbols]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    known: dict[str, World] = {}

    def world(level: str) -> World:
        if level not in known:
            elf = build(tmp_path_factory.mktemp("standing"), "gcc", level).read_bytes()
            known[level] = Walked(elf), Symbols(elf)
        known[level][0].seek(Position(0))
        return known[level]

    return world


def line_of(text: str) -> int:
    return 1 + next(n for n, line in enumerate(SOURCE.splitlines()) if text in line)


def lines_of(here: Standing) -> set[int]:
    return {line for _, line in here.lines}


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_in_a_function_everything_is_known(built: Callable[[str], World], level: str) -> None:
    walked, symbols = built(level)
    (leaf,) = symbols.functions("leaf")
    walked.go(leaf.address)
    here = standing(walked, symbols, into=False)
    assert (here.pc, here.function, here.entry) == (leaf.address, leaf, leaf.address)
    assert here.cfa == walked.registers()["rsp"] + 8
    assert here.return_address == read_words(walked)(walked.registers()["rsp"])
    assert here.has_lines
    assert lines_of(here) <= {line_of("u64 leaf(u64 x)") + 1, line_of("u64 y = x * 3")}


def test_frames_of_a_recursive_function_are_different(built: Callable[[str], World]) -> None:
    walked, symbols = built("-O0")
    (down,) = symbols.functions("down")
    walked.go(down.address)
    outer = standing(walked, symbols, into=False)
    walked.step(1)
    assert standing(walked, symbols, into=False).is_frame_of(outer)
    walked.go(down.address)
    assert not standing(walked, symbols, into=False).is_frame_of(outer)


def test_before_an_inlined_call_one_stands_in_the_line_that_makes_it(
    built: Callable[[str], World],
) -> None:
    walked, symbols = built("-O2")
    inlined = symbols.inlined("twice")[0]
    walked.go(inlined.entry)
    before = standing(walked, symbols, into=False)
    assert before.inlined == ()
    assert lines_of(before) == {inlined.call_line}
    within = standing(walked, symbols, into=True)
    assert lines_of(within) == {line_of("total += y")}
    walked.step(1)
    assert standing(walked, symbols, into=False).inlined == (inlined,)


def test_statements_over_an_inlined_call_are_not_those_in_it(
    built: Callable[[str], World],
) -> None:
    walked, symbols = built("-O2")
    inlined = symbols.inlined("twice")[0]
    walked.go(symbols.functions("loop")[0].address)
    here = standing(walked, symbols, into=False)
    over, into = (statements(here, symbols, into=into) for into in (False, True))
    assert over[inlined.entry] == (inlined.call_path, inlined.call_line)
    assert into[inlined.entry] not in over.values()
    assert not [each for each in over if inlined.holds(each) and each != inlined.entry]
    assert set(over) <= set(into)


def test_statements_begin_behind_the_making_of_the_frame(built: Callable[[str], World]) -> None:
    walked, symbols = built("-O0")
    (down,) = symbols.functions("down")
    walked.go(down.address)
    found = statements(standing(walked, symbols, into=False), symbols, into=False)
    assert min(found) == symbols.body(down) > down.address
    assert {line for _, line in found.values()} == {
        line_of(text)
        for text in ("if (n == 0)", "return leaf(1)", "r = down(", "r += leaf(", "return r;")
    } | {line_of("return r;") + 1}


def test_calls_of_a_function_are_found(built: Callable[[str], World]) -> None:
    walked, symbols = built("-O0")
    (down,) = symbols.functions("down")
    walked.go(down.address)
    found = sites(standing(walked, symbols, into=False), walked)
    assert len(found) == 3
    assert all(down.address < site.address < down.end and not site.is_jump for site in found)


def test_where_nothing_is_known(built: Callable[[str], World]) -> None:
    walked, _ = built("-O0")
    nothing = Symbols(b"")
    here = standing(walked, nothing, into=True)
    assert (here.function, here.entry, here.cfa, here.return_address) == (None, None, None, 0)
    assert not here.has_lines
    assert statements(here, nothing, into=True) == {}
    assert sites(here, walked) == []


def test_words_are_read_where_there_is_memory(tmp_path: Path) -> None:
    walked = Walked(build(tmp_path).read_bytes())
    read_word = read_words(walked)
    assert read_word(STACK) == 0
    assert read_word(0) is None
