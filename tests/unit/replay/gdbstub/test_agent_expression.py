"""gdb's bytecode: every operation, and everything that can go wrong."""

from __future__ import annotations

import random

import pytest

from replay.gdbstub.agent_expression import condition_holds, evaluate
from replay.gdbstub.errors import BadExpression
from tests.unit.replay.gdbstub.fakes import CODE, FakeGuest

MASK = (1 << 64) - 1


def const(value: int) -> str:
    return f"25{value & MASK:016x}"


def value_of(code: str, guest: FakeGuest | None = None) -> int:
    return evaluate(bytes.fromhex(code), guest or FakeGuest())


@pytest.mark.parametrize(
    ("opcode", "left", "right", "result"),
    [
        ("02", MASK, 2, 1),
        ("03", 1, 2, MASK),
        ("04", 1 << 63, 3, 1 << 63),
        ("05", -7, 2, -3),
        ("05", 7, -2, -3),
        ("05", -7, -2, 3),
        ("06", -1, 2, MASK >> 1),
        ("07", -7, 2, -1),
        ("07", 7, -2, 1),
        ("08", -1, 10, 5),
        ("09", 1, 63, 1 << 63),
        ("09", 1, 64, 0),
        ("0a", -8, 1, -4),
        ("0a", -8, 99, -1),
        ("0b", -8, 60, 15),
        ("0b", -8, 64, 0),
        ("0f", 12, 10, 8),
        ("10", 12, 10, 14),
        ("11", 12, 10, 6),
        ("13", 4, 4, 1),
        ("13", 4, 5, 0),
        ("14", -1, 1, 1),
        ("14", 1, 1, 0),
        ("15", -1, 1, 0),
        ("15", 1, 2, 1),
    ],
)
def test_two_operands(opcode: str, left: int, right: int, result: int) -> None:
    assert value_of(f"{const(left)}{const(right)}{opcode}27") == result & MASK


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("22070e27", 0),
        ("22000e27", 1),
        ("22001227", MASK),
        ("22ff160827", MASK),
        ("227f160827", 127),
        ("22ff160027", 255),
        ("22ff164027", 255),
        ("23ffff2a0c27", 0xFFF),
        ("2412345678" + "27", 0x12345678),
        ("2201" + "2202" + "2b" + "03" + "27", 1),
        ("2203" + "28" + "04" + "27", 9),
        ("2203" + "2204" + "29" + "27", 3),
        ("2203" + "2204" + "3201" + "27", 3),
        ("2201" + "2202" + "2203" + "33" + "27", 2),
        ("2201" + "2202" + "2203" + "33" + "29" + "27", 1),
        ("2201" + "2202" + "2203" + "33" + "2929" + "27", 3),
        ("2201" + "200007" + "2205" + "27", None),
        ("2201" + "200007" + "2205" + "2206" + "27", 6),
        ("2100052205" + "2206" + "27", 6),
    ],
)
def test_stack_and_jumps(code: str, result: int | None) -> None:
    if result is None:
        with pytest.raises(BadExpression):
            value_of(code)
    else:
        assert value_of(code) == result


def test_registers_and_memory() -> None:
    guest = FakeGuest()
    guest.memory[0x3000:0x3008] = bytes(range(1, 9))
    assert value_of("26001027", guest) == CODE
    assert value_of("2330001727", guest) == 0x01
    assert value_of("2330001827", guest) == 0x0201
    assert value_of("2330001927", guest) == 0x04030201
    assert value_of("2330001a27", guest) == 0x0807060504030201


@pytest.mark.parametrize(
    "code",
    [
        "",
        "27",
        "22",
        "2201",
        "ff",
        "0127",
        "22012200" + "0527",
        "22012200" + "0827",
        "2326ff1727"[:4] + "4000" + "1727",
        "25" + "ff" * 8 + "1a27",
        "26ffff27",
        "26000127",
        "210000",
        "2201" + "28" * 300 + "27",
        "220132ff27",
        "3427",
    ],
)
def test_what_cannot_be_evaluated_counts_as_true(code: str) -> None:
    with pytest.raises(BadExpression):
        value_of(code)
    assert condition_holds(bytes.fromhex(code), FakeGuest())


def test_conditions() -> None:
    assert condition_holds(b"\x22\x02\x27", FakeGuest())
    assert not condition_holds(b"\x22\x00\x27", FakeGuest())


def test_any_bytes_give_a_number_or_a_typed_error() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        condition_holds(draw.randbytes(draw.randrange(1, 40)), FakeGuest())
