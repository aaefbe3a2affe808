from __future__ import annotations

import pytest

from monitors.calls import RESULT_OF
from monitors.calls.clock import ClockReading
from monitors.calls.traps import (
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    ReadTsc,
    ReadTscp,
    TscReading,
)
from monitors.errors import BadAnswer
from monitors.ports import Trap, TrapKind
from monitors.traps import decode_trap, encode_trap

CASES = [
    (Trap(TrapKind.RDTSC), ReadTsc()),
    (Trap(TrapKind.RDTSCP), ReadTscp()),
    (Trap(TrapKind.RDRAND, "r9", 32), RandomWord(seed=False, bits=32)),
    (Trap(TrapKind.RDSEED, "rbx", 16), RandomWord(seed=True, bits=16)),
    (Trap(TrapKind.CPUID, leaf=7, subleaf=1), Cpuid(7, 1)),
]


@pytest.mark.parametrize(("trap", "call"), CASES)
def test_calls(trap, call):
    crossing = decode_trap(trap)
    assert crossing.call == call
    assert crossing.trap == trap
    assert crossing.answer_gpa == 0


def test_every_kind_has_a_case():
    assert {trap.kind for trap, _ in CASES} == set(TrapKind)


def test_cpuid_uses_the_low_halves():
    trap = Trap(TrapKind.CPUID, leaf=0xDEADBEEF80000001, subleaf=0xFFFFFFFF00000002)
    assert decode_trap(trap).call == Cpuid(0x80000001, 2)


def test_counter_is_split_and_zero_extended():
    reading = TscReading(0x1122334455667788, 0xAABBCCDD)
    split = {"rax": 0x55667788, "rdx": 0x11223344}
    assert encode_trap(Trap(TrapKind.RDTSC), reading) == split
    assert encode_trap(Trap(TrapKind.RDTSCP), reading) == {**split, "rcx": 0xAABBCCDD}


@pytest.mark.parametrize("kind", [TrapKind.RDRAND, TrapKind.RDSEED])
@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (64, 0x0123456789ABCDEF),
        (32, 0x89ABCDEF),
        (16, 0xFFFFFFFFFFFFCDEF),
    ],
)
def test_width_of_random_values(kind, bits, expected):
    trap = Trap(kind, "r13", bits, previous=(1 << 64) - 1)
    value = 0x0123456789ABCDEF & ((1 << bits) - 1)
    assert encode_trap(trap, RandomReading(value))["r13"] == expected


@pytest.mark.parametrize(("before", "after"), [(0x2, 0x3), (0x8D7, 0x3), (0x246, 0x203)])
def test_random_value_is_flagged_as_valid(before, after):
    trap = Trap(TrapKind.RDRAND, rflags=before)
    assert encode_trap(trap, RandomReading(5)) == {"rax": 5, "rflags": after}


def test_cpuid_registers():
    written = encode_trap(Trap(TrapKind.CPUID), CpuidReading(1, 2, 3, 0xFFFFFFFF))
    assert written == {"rax": 1, "rbx": 2, "rcx": 3, "rdx": 0xFFFFFFFF}


ANSWERS = [TscReading(1), RandomReading(1), CpuidReading(1, 2, 3, 4), ClockReading(1)]


@pytest.mark.parametrize(("trap", "call"), CASES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_only_a_traps_own_answer_fits(trap, call, answer):
    if RESULT_OF[type(call)] is type(answer):
        assert encode_trap(trap, answer)
    else:
        with pytest.raises(BadAnswer):
            encode_trap(trap, answer)
