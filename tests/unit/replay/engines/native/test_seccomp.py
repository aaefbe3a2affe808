"""Filter programs, run by an interpreter of a few lines."""

from __future__ import annotations

import struct

import pytest

from replay.engines.native.seccomp import INSTRUCTIONS_MAX, Rule, assemble

ALLOW, TRAP = 0x7FFF0000, 0x30000
X86_64, I386 = 0xC000003E, 0x40000003
EDGE = 1 << 32


def verdict(rules: list[Rule], number: int, ip: int, *arguments: int, arch: int = X86_64) -> int:
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, arch, ip, *padded)
    steps = list(struct.iter_unpack("<HBBI", assemble(rules)))
    at = accumulator = 0
    while True:
        code, true, false, constant = steps[at]
        at += 1
        if code == 0x06:
            return int(constant)
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
            continue
        holds = {
            0x15: accumulator == constant,
            0x25: accumulator > constant,
            0x35: accumulator >= constant,
        }[code]
        at += true if holds else false


def test_nothing_is_allowed_by_default() -> None:
    assert verdict([], 0, 0) == TRAP


@pytest.mark.parametrize("low", [0, 5, EDGE - 1, EDGE, 3 * EDGE + 7])
@pytest.mark.parametrize("width", [0, 1, EDGE - 1, EDGE, 2 * EDGE + 3])
def test_ranges_of_64_bits(low: int, width: int) -> None:
    high = low + width
    rules = [Rule(10, (7, 7), {2: (low, high)})]
    inside = (low, high, (low + high) // 2)
    outside = [value for value in (low - 1, high + 1, high + EDGE, high + 9 * EDGE) if value >= 0]
    assert {verdict(rules, 10, 7, 1, 1, value) for value in inside} == {ALLOW}
    assert {verdict(rules, 10, 7, 1, 1, value) for value in outside} == {TRAP}


def test_every_condition_counts() -> None:
    rules = [Rule(1, (EDGE, EDGE + 9), {0: (3, 3), 5: (0, 1)}), Rule(2, (0, 0))]
    assert verdict(rules, 1, EDGE + 4, 3) == ALLOW
    assert verdict(rules, 2, 0, 77) == ALLOW
    assert verdict(rules, 1, EDGE + 10, 3) == TRAP
    assert verdict(rules, 1, EDGE, 4) == TRAP
    assert verdict(rules, 1, EDGE, 3, 0, 0, 0, 0, 2) == TRAP
    assert verdict(rules, 3, EDGE, 3) == TRAP
    assert verdict(rules, 2, 0, arch=I386) == TRAP


def test_a_filter_that_is_too_long() -> None:
    with pytest.raises(ValueError, match=str(INSTRUCTIONS_MAX)):
        assemble([Rule(number, (0, 0)) for number in range(INSTRUCTIONS_MAX // 10)])
