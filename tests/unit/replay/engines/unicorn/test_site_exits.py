"""What an exit says of the instruction that caused it."""

from __future__ import annotations

import pytest

from monitors.ports import Trap, TrapKind
from replay.engines.sites import Site, site_at
from replay.engines.unicorn.site_exits import refusal, trap_of

REGISTERS = {"rax": 0x1_0000_0007, "rcx": 0x2_0000_0003, "r9": 0x1234, "rflags": 0x203}


def site(code: str) -> Site:
    found = site_at(bytes.fromhex(code), 0x1000)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("0f31", Trap(TrapKind.RDTSC)),
        ("0f01f9", Trap(TrapKind.RDTSCP)),
        ("0fa2", Trap(TrapKind.CPUID, leaf=7, subleaf=3)),
        ("410fc7f1", Trap(TrapKind.RDRAND, "r9", 32, previous=0x1234, rflags=0x203)),
    ],
)
def test_a_trap_carries_what_its_answer_depends_on(code: str, expected: Trap) -> None:
    assert trap_of(site(code), REGISTERS.__getitem__) == expected


@pytest.mark.parametrize(("code", "why"), [("c5fc77", "AVX"), ("0f33", "performance counters")])
def test_a_refusal_says_why_and_where(code: str, why: str) -> None:
    error = refusal(site(code))
    assert error.rip == 0x1000
    assert why in error.why
    assert error.remedy
