"""Executions as they are counted in passing, against those seen step by step."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from monitors.ports import Exit, Hlt, Protection, TargetReached, TripleFault
from replay.engines.ports import CountsCode
from replay.engines.unicorn.counting import COUNT_BY_VARIABLE, Mode
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    Guest,
    assemble,
    guest,
    offset_of,
    tables,
    with_handlers,
)

SEALED = (Protection(CODE, HANDLERS + 0x1000, writable=False),)
SIZE = 0x800
FOREVER = 1 << 40
ENDS = (Hlt, TripleFault)

LOOPS = """
    mov ecx, 7
1:  mov edx, 3
2:  dec edx
    jnz 2b
    call 5f
    test ecx, 1
    jz 3f
    add rax, rcx
3:  dec ecx
    jnz 1b
    jmp 4f
    ud2
5:  add rbx, 1
    out 0x10, eax
    pause
    ret
4:  hlt
"""
STRINGS = f"mov ecx, 9; mov edi, {HEAP:#x}; rep stosb; mov ecx, 0; rep stosb; inc eax; hlt"
FAULT = "mov eax, 1; inc eax; mov [0x7fffffffffff], eax; inc eax; hlt"
SITES = (
    "mov ecx, 5; 1: rdtsc; cpuid; mov rbx, cr0; mov cr0, rbx; mov ecx, 2; 2: dec ecx; jnz 2b; hlt"
)
PROGRAMS = {"loops": LOOPS, "strings": STRINGS, "fault": FAULT, "sites": SITES}


def counts(machine: Guest) -> list[int]:
    assert isinstance(machine.engine, CountsCode)
    return list(machine.engine.code_counts())


def run(machine: Guest, budgets: list[int] | None = None) -> Exit:
    machine.engine.count_code(CODE, CODE + SIZE)
    budgets = budgets or [FOREVER]
    for turn in range(10_000):
        exit_ = machine.engine.run_instructions(budgets[turn % len(budgets)])
        if isinstance(exit_, ENDS):
            return exit_
    raise AssertionError("it does not end")


def stepped(code: str) -> Counter[int]:
    """How often each instruction was begun. Where a repeated one ends without an iteration left, a
    step shows it once more."""
    seen: Counter[int] = Counter()
    with guest(code, protections=SEALED) as machine:
        for _ in range(10_000):
            seen[machine["rip"]] += 1
            if isinstance(machine.engine.step(), ENDS):
                return seen
    raise AssertionError("it does not end")


def at(found: list[int], addresses: Counter[int]) -> dict[int, int]:
    return {address: found[address - CODE] for address in addresses}


@pytest.mark.parametrize("pure_python", [False, True])
@pytest.mark.parametrize("by", ["block", "instruction"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_execution_is_counted(
    name: str, by: str, pure_python: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = stepped(PROGRAMS[name])
    monkeypatch.setenv(COUNT_BY_VARIABLE, by)
    with guest(PROGRAMS[name], protections=SEALED, pure_python=pure_python) as machine:
        run(machine)
        mode = Mode.BLOCKS if by == "block" else Mode.INSTRUCTIONS
        assert machine.engine._counting.mode is mode  # type: ignore[attr-defined]
        found = counts(machine)
        assert at(found, seen) == dict(seen)
        assert sum(map(bool, found)) <= len(assemble(PROGRAMS[name])), "nothing behind it"


def test_code_that_is_not_reached_has_none() -> None:
    with guest(LOOPS, protections=SEALED) as machine:
        run(machine)
        code = assemble(LOOPS)
        ud2 = code.index(b"\x0f\x0b")
        assert counts(machine)[ud2 : ud2 + 2] == [0, 0]
        found = counts(machine)
        assert all(found[:ud2])
        assert all(found[ud2 + 2 : len(code)])


@pytest.mark.parametrize("seed", range(4))
def test_stops_on_the_way_change_nothing(seed: int) -> None:
    choose = random.Random(seed)
    with guest(LOOPS, protections=SEALED) as machine:
        run(machine)
        whole = counts(machine)
    with guest(LOOPS, protections=SEALED) as machine:
        run(machine, [choose.randrange(1, 9) for _ in range(50)])
        assert counts(machine) == whole


def test_an_exception_with_a_handler() -> None:
    body = with_handlers(FAULT)
    with guest(body, segments=tables(), protections=SEALED) as machine:
        machine.engine.count_code(CODE, CODE + SIZE)
        machine.engine.run_instructions(FOREVER)
        found = counts(machine)
    executed = offset_of("mov eax, 1; inc eax; mov [0x7fffffffffff], eax") - CODE
    assert set(found[:executed]) == {1}, "the instruction that faulted, too"
    assert not any(found[executed:])


def test_what_lies_elsewhere_is_not_counted() -> None:
    with guest(LOOPS, protections=SEALED) as machine:
        machine.engine.count_code(CODE + 5, CODE + 7)
        while not isinstance(machine.engine.run_instructions(FOREVER), Hlt):
            pass
        assert len(counts(machine)) == 2
    with guest(LOOPS, protections=SEALED) as machine:
        machine.engine.run_instructions(FOREVER)
        assert counts(machine) == []


def test_counting_begins_anew() -> None:
    with guest(LOOPS, protections=SEALED) as machine:
        machine.engine.count_code(CODE, CODE + SIZE)
        assert isinstance(machine.engine.run_instructions(10), TargetReached)
        assert any(counts(machine))
        machine.engine.count_code(CODE, CODE + SIZE)
        assert not any(counts(machine))
