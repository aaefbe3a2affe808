from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence

import pytest

from replay.player.expressions import (
    EXPRESSION_CHARACTERS_MAX,
    BadExpression,
    Unreadable,
    parse_condition,
    parse_memory,
    parse_value,
)
from replay.player.symbols import Symbol, Symbols

BASE = 0x1000


class Names(Symbols):
    """A few names, of no file."""

    def __init__(self) -> None:
        super().__init__(b"")

    def variable(self, name: str) -> Symbol | None:
        known = {
            "count": Symbol(BASE, "count", 4),
            "desk": Symbol(BASE + 8, "desk.0", 24),
            "desk.0": Symbol(BASE + 8, "desk.0", 24),
            "byte": Symbol(BASE + 1, "byte", 1),
            "far": Symbol(1 << 40, "far", 8),
        }
        return known.get(name)

    def variable_names(self) -> Sequence[str]:
        return ["byte", "count", "desk.0", "far"]

    def functions(self, name: str) -> Sequence[Symbol]:
        return [Symbol(0x2000, "pay", 16)] if name == "pay" else []


class Guest:
    """Some registers and 32 bytes of memory."""

    data = struct.pack("<iIQQq", -2, 7, BASE + 4, 1 << 63, -1)

    def registers(self) -> dict[str, int]:
        return {"rax": 5, "rsp": BASE, "rip": 0x2004, "rflags": 0x202, "r15": (1 << 64) - 1}

    def read(self, address: int, size: int) -> bytes | None:
        inside = BASE <= address <= BASE + len(self.data) - size
        return self.data[address - BASE : address - BASE + size] if inside else None


def value(text: str) -> int:
    return parse_value(text, Names())(Guest())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("0x10 + 0b11", 19),
        ("$rax", 5),
        ("$RAX * 2", 10),
        ("  -$rax", -5),
        ("7 // 2 + 7 / 2 + 7 % 4", 9),
        ("~0 & 0xff", 255),
        ("1 | 2 ^ 3", 1),
        ("1 << 4 >> 2", 4),
        ("u32[$rsp]", 0xFFFF_FFFE),
        ("i32[$rsp]", -2),
        ("*(u32*)$rsp", 0xFFFF_FFFE),
        ("*( i32 * ) $rsp + 3", 1),
        ("*(u32*)($rsp + 4)", 7),
        ("*(u32*)*(u64*)($rsp+8)", 7),
        ("2 * *(u32*)($rsp + 4)", 14),
        ("u32[u64[$rsp + 8]]", 7),
        ("count", 0xFFFF_FFFE),
        ("i32(count)", -2),
        ("i8(0x1ff)", -1),
        ("u8(-1)", 255),
        ("byte", 255),
        ("&count", BASE),
        ("&desk + 8", BASE + 16),
        ("u64[&desk.0]", BASE + 4),
        ("&pay", 0x2000),
        ("pay", 0x2000),
        ("$rax & count", 4),
        ("3 == 3 and $rax", 1),
        ("0 || $rax == 5", 1),
        ("$rax == 5 && !($rax == 6)", 1),
        ("! 0", 1),
        ("not 1 or 0", 0),
        ("1 < $rax <= 5", 1),
        ("1 < $rax < 5", 0),
        ("$r15 == -1", 1),
        ("$r15 != -1", 0),
        ("$r15 > 0", 1),
        ("i64($r15) < 0", 1),
        ("i32[$rsp] == 0xfffffffffffffffe", 1),
        ("5 >= 5", 1),
        ("$rip == pay + 4", 1),
        ("true and not false", 1),
        ("1 << 1000", 1 << 63),
        ("1 >> -1", 0),
    ],
)
def test_values(text: str, expected: int) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("   ", 1),
        ("$rax + $rxx", 8),
        ("$rax == conut", 9),
        ("count + desk", 9),
        ("1 + 'a'", 5),
        ("1 ; 2", 3),
        ("a = 3", 3),
        ("1.5 + $rax", 2),
        ("2 ** 3", 1),
        ("count.x", 1),
        ("u16[1, 2]", 6),
        ("u24[1]", 1),
        ("u32[1:2]", 6),
        ("len(count)", 1),
        ("u8(1, 2)", 5),
        ("u8(x=1)", 5),
        ("&5", 2),
        ("+count", 1),
        ("3 + +5", 5),
        ("lambda", 1),
        ("[1]", 1),
        ("()", 1),
        ("1 if 2 else 3", 3),
        ("1 in (2)", 3),
        ("1 is 2", 3),
        ("1)", 2),
        ("_r_rax", 1),
        ("__import__", 1),
        ("0x", 1),
        ("12ab", 1),
        ("2 *(u8*)$rsp", 3),
        ("010", 1),
        ("1_0", 1),
        ("ä", 1),
        ("$rax\n== 5;", 10),
    ],
)
def test_what_means_nothing_is_refused_with_its_column(text: str, column: int) -> None:
    with pytest.raises(BadExpression) as caught:
        parse_value(text, Names())
    assert caught.value.column == column
    assert f"column {column} of" in str(caught.value)


@pytest.mark.parametrize("text", ["1 +", "(1", "$rax ==", "u32[", "not", "&"])
def test_what_is_not_complete_is_refused_somewhere(text: str) -> None:
    with pytest.raises(BadExpression) as caught:
        parse_value(text, Names())
    assert 1 <= caught.value.column <= len(text)


@pytest.mark.parametrize(
    ("text", "hint"), [("conut", "count"), ("$raxx", "rax"), ("desk", "u32[&desk+OFFSET]")]
)
def test_the_error_says_what_may_be_meant(text: str, hint: str) -> None:
    with pytest.raises(BadExpression, match=hint.replace("[", r"\[").replace("+", r"\+")):
        parse_value(text, Names())


@pytest.mark.parametrize(
    "text",
    [
        "1" * (EXPRESSION_CHARACTERS_MAX + 1),
        "(" * 240 + "1" + ")" * 240,
        "-" * 499 + "1",
        "~" * 499 + "1",
        "not " * 120 + "1",
        "1" * 499,
    ],
)
def test_expressions_that_are_too_deep_or_long_do_no_harm(text: str) -> None:
    with contextlib.suppress(BadExpression):
        assert isinstance(value(text), int)


@pytest.mark.parametrize(
    "text", ["u32[0]", "far", "1 / ($rax - 5)", "$rax % 0", "u8[1 << 63 << 1]"]
)
def test_values_that_the_guest_does_not_have(text: str) -> None:
    with pytest.raises(Unreadable):
        value(text)
    assert parse_condition(text, Names())(Guest()) is False


def test_a_condition_holds_unless_the_value_is_0() -> None:
    assert parse_condition("$rax - 4", Names())(Guest()) is True
    assert parse_condition("$rax - 5", Names())(Guest()) is False
    assert parse_condition("$rax == 5 or u32[0]", Names())(Guest()) is True


@pytest.mark.parametrize(
    ("text", "address", "size"),
    [
        ("count", BASE, 4),
        ("desk", BASE + 8, 24),
        ("desk.0", BASE + 8, 24),
        ("u64[$rsp + 8]", BASE + 8, 8),
        ("*(u16*)(&desk + 2)", BASE + 10, 2),
    ],
)
def test_memory_that_is_named(text: str, address: int, size: int) -> None:
    memory = parse_memory(text, Names())
    assert (memory.address(Guest()), memory.size) == (address, size)


@pytest.mark.parametrize("text", ["5", "$rax", "count + 1", "&count", "pay", "u8(3)"])
def test_what_is_no_memory(text: str) -> None:
    with pytest.raises(BadExpression):
        parse_memory(text, Names())
