from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from replay.player.locations import LOCATION_CHARACTERS_MAX, BadLocation, parse_location
from replay.player.symbols import Symbols
from tests.unit.replay.player.debugger import gdb
from tests.unit.replay.player.walked import SOURCE, build

GDB = 13


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    known: dict[tuple[str, str], Path] = {}

    def program(compiler: str, level: str) -> Path:
        key = compiler, level
        if key not in known:
            known[key] = build(tmp_path_factory.mktemp("locations"), compiler, level)
        return known[key]

    return program


@pytest.fixture
def symbols(built: Callable[[str, str], Path]) -> Symbols:
    return Symbols(built("gcc", "-O0").read_bytes())


def line_of(text: str) -> int:
    return 1 + next(n for n, line in enumerate(SOURCE.splitlines()) if text in line)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_places_are_those_of_gdb(
    built: Callable[[str, str], Path], compiler: str, level: str
) -> None:
    program = built(compiler, level)
    symbols = Symbols(program.read_bytes())
    texts = [f"steps.c:{line}" for line in range(1, len(SOURCE.splitlines()))]
    texts += [*symbols.function_names(), "twice"]
    commands = [
        word
        for text in texts
        for word in (f"echo @{text}\\n", f"break {text}", "info breakpoints", "delete")
    ]
    expected = {}
    for part in gdb(program, commands, only=GDB).split("@")[1:]:
        text, _, said = part.partition("\n")
        listed = said.partition("Num ")[2]
        expected[text] = sorted({int(at, 16) for at in re.findall(r" (0x[0-9a-f]{16})", listed)})
    assert {text: parse_location(text, symbols) for text in texts} == expected


def test_a_function_is_stopped_at_behind_the_making_of_its_frame(symbols: Symbols) -> None:
    (leaf,) = symbols.functions("leaf")
    (address,) = parse_location(" leaf ", symbols)
    assert address == symbols.body(leaf) > leaf.address
    assert symbols.place(address).line == line_of("u64 y = x * 3")


def test_a_line_of_a_file(symbols: Symbols) -> None:
    line = line_of("loop();")
    (address,) = parse_location(f"steps.c:{line}", symbols)
    assert symbols.place(address).line == line
    assert parse_location(f"steps.c : {line}", symbols) == [address]


def test_a_line_alone_is_of_the_file_where_one_stands(symbols: Symbols) -> None:
    line = line_of("loop();")
    (run,) = symbols.functions("run")
    assert parse_location(str(line), symbols, here=run.address) == parse_location(
        f"steps.c:{line}", symbols
    )
    for here in (None, 0):
        with pytest.raises(BadLocation, match="FILE:LINE"):
            parse_location(str(line), symbols, here=here)


def test_a_line_without_code_is_the_next_that_has_some(symbols: Symbols) -> None:
    blank = line_of("int small")
    (address,) = parse_location(f"steps.c:{blank}", symbols)
    assert symbols.place(address).line > blank


def test_a_line_of_a_function(symbols: Symbols) -> None:
    line = line_of("r += leaf(n)")
    assert parse_location(f"down:{line}", symbols) == parse_location(f"steps.c:{line}", symbols)
    with pytest.raises(BadLocation, match=f"no code at line {line}"):
        parse_location(f"leaf:{line}", symbols)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("*{leaf:#x}", 0), ("*{leaf}", 0), ("*leaf", 0), ("* leaf + 4", 4), ("*leaf+0x10", 16)],
)
def test_addresses(symbols: Symbols, text: str, offset: int) -> None:
    leaf = symbols.functions("leaf")[0].address
    assert parse_location(text.format(leaf=leaf), symbols) == [leaf + offset]


def test_a_number_that_is_no_line_is_an_address(symbols: Symbols) -> None:
    assert parse_location("0x100020", symbols) == [0x100020]


def test_all_inlined_calls_of_a_function(built: Callable[[str, str], Path]) -> None:
    symbols = Symbols(built("gcc", "-O2").read_bytes())
    assert parse_location("twice", symbols) == [each.entry for each in symbols.inlined("twice")]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("laef", ("leaf",)),
        ("*laef", ("leaf",)),
        ("step.c:3", ("steps.c",)),
        ("dwn:3", ("down",)),
        ("zzzzzzzz", ()),
        ("", ()),
        ("*", ()),
        ("*leaf+x", ()),
        ("steps.c:99999", ()),
        (":3", ()),
        ("a b c", ()),
        ("x" * (LOCATION_CHARACTERS_MAX + 1), ()),
    ],
)
def test_places_that_are_none(symbols: Symbols, text: str, nearest: tuple[str, ...]) -> None:
    with pytest.raises(BadLocation) as caught:
        parse_location(text, symbols)
    assert caught.value.nearest[: len(nearest) or None] == nearest
    assert all(name in str(caught.value) for name in nearest)


def test_a_file_without_source_lines_says_so() -> None:
    with pytest.raises(BadLocation, match="has no source lines"):
        parse_location("main.c:3", Symbols(b""))
    assert parse_location("*16", Symbols(b"")) == [16]
