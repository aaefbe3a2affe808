"""Breakpoints, watchpoints and notes: where they stop, and that the guest does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from monitors.ports import (
    Breakpoint,
    Exit,
    Hlt,
    PortWrite,
    Protection,
    TargetReached,
    Watched,
)
from replay.engines.ports import (
    Access,
    Breaks,
    Hit,
    Hits,
    NotesHits,
    Steps,
    TellsPlace,
    Watches,
    Watchpoint,
)
from replay.engines.unicorn.engine import UnicornEngine
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    IST_TOP,
    STACK_TOP,
    UNMAPPED,
    Guest,
    assemble,
    guest,
    tables,
    with_handlers,
)

FOREVER = 1 << 40
SEALED = (Protection(CODE, HANDLERS + 0x1000, writable=False),)
LOOP = "mov ecx, 5; 1: nop; inc rbx; out 1, al; dec ecx; jnz 1b; hlt"
NOP, INC, OUT, DEC, JNZ, HALT = (CODE + at for at in (5, 6, 9, 11, 13, 15))
VARIANTS = [(rights, pure) for rights in ("sealed", "open") for pure in (False, True)]


@pytest.fixture(
    params=VARIANTS, ids=lambda each: f"{each[0]}-{'python' if each[1] else 'compiled'}"
)
def start(request: pytest.FixtureRequest) -> Any:
    """Makes guests whose code is counted by blocks and by instructions."""
    rights, pure_python = request.param

    @contextmanager
    def make(code: str, **options: Any) -> Iterator[Guest]:
        options.setdefault("protections", SEALED if rights == "sealed" else ())
        with guest(code, pure_python=pure_python, **options) as machine:
            yield machine

    return make


def test_what_the_engine_can_do() -> None:
    engine = UnicornEngine()
    assert isinstance(engine, Steps)
    assert isinstance(engine, Breaks)
    assert isinstance(engine, Watches)
    assert isinstance(engine, NotesHits)
    engine.close()


def stops(machine: Guest, most: int = 50) -> list[Exit]:
    found = []
    while not found or not isinstance(found[-1], Hlt):
        found.append(machine.run())
        assert len(found) < most
    return found


def test_where_it_stands(start: Any) -> None:
    with start(LOOP) as loop:
        engine = loop.engine
        assert isinstance(engine, TellsPlace)
        assert engine.instruction_pointer == CODE
        for _ in range(9):
            engine.run_instructions(1)
            assert engine.instruction_pointer == engine.registers()["rip"]


class TestBreakpoints:
    def test_before_the_instruction_every_time(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([INC])
            expected = [Breakpoint(INC), PortWrite(1, 0, 1)] * 5
            found = stops(machine)
            assert found == [*expected, Hlt(HALT)]
            assert machine["rbx"] == 5

    def test_of_an_instruction_that_crosses(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([OUT])
            assert stops(machine) == [*[Breakpoint(OUT), PortWrite(1, 0, 1)] * 5, Hlt(HALT)]

    def test_where_a_crossing_has_left_the_guest(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([DEC])
            assert machine.run() == PortWrite(1, 0, 1)
            assert machine.run() == Breakpoint(DEC)
            assert machine["rip"] == DEC
            assert machine.run() == PortWrite(1, 0, 1)

    def test_not_where_a_run_begins(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([CODE, HALT])
            for _ in range(5):
                machine.run()
            assert machine.run() == Breakpoint(HALT)
            assert machine.run() == Hlt(HALT)

    def test_on_an_instruction_that_jumps_to_itself(self, start: Any) -> None:
        with start("nop; 1: loop 1b; hlt", registers={"rcx": 4}) as machine:
            machine.engine.set_breakpoints([CODE + 1])
            assert stops(machine) == [*[Breakpoint(CODE + 1)] * 4, Hlt(CODE + 3)]

    def test_a_repeated_instruction_is_reached_once(self, start: Any) -> None:
        code = "1: mov ecx, 3; rep stosb; dec ebx; jnz 1b; hlt"
        at = CODE + 5
        with start(code, registers={"rdi": HEAP, "rbx": 4}) as machine:
            machine.engine.set_breakpoints([at])
            assert stops(machine) == [*[Breakpoint(at)] * 4, Hlt(at + 6)]
        with start(code, registers={"rdi": HEAP, "rbx": 4}) as machine:
            machine.engine.note([at], ())
            machine.engine.run_instructions(FOREVER)
            assert machine.engine.hits() == Hits(4, Hit(1, 2, at), Hit(22, 23, at))

    def test_while_counting(self, start: Any) -> None:
        with start(LOOP) as machine:
            engine = machine.engine
            engine.set_breakpoints([INC])
            assert engine.run_instructions(FOREVER) == Breakpoint(INC)
            assert engine.instructions_retired == 2
            assert engine.run_instructions(FOREVER) == PortWrite(1, 0, 1)
            assert engine.instructions_retired == 1
            assert engine.run_instructions(FOREVER) == Breakpoint(INC)
            assert engine.instructions_retired == 3
            assert engine.run_instructions(1) == TargetReached()
            assert machine["rip"] == OUT

    def test_that_are_taken_away_and_put_back(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([INC])
            assert machine.run() == Breakpoint(INC)
            machine.engine.set_breakpoints([])
            assert machine.run() == PortWrite(1, 0, 1)
            assert machine.run() == PortWrite(1, 0, 1)
            machine.engine.set_breakpoints([DEC, INC, UNMAPPED])
            assert machine.run() == Breakpoint(DEC)
            assert machine.run() == Breakpoint(INC)

    def test_flags_of_a_fault_behind_one_that_was_noted(self, start: Any) -> None:
        body = f"mov rsi, {UNMAPPED}; mov eax, 255; add al, 1; mov rax, [rsi]"
        at = CODE + len(assemble(with_handlers(body))) - 3
        flags = []
        for noted in ((), (at,)):
            with start(with_handlers(body), segments=tables()) as machine:
                machine.engine.note(noted, ())
                flags.append(machine.frame(machine.engine.run_instructions(FOREVER)).rflags)
        assert flags[0] == flags[1]

    def test_a_step_does_not_care(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.set_breakpoints([NOP, INC])
            for at in (NOP, INC, OUT):
                assert machine.engine.step() == TargetReached()
                assert machine["rip"] == at
            assert machine.engine.step() == PortWrite(1, 0, 1)
            machine.engine.set_breakpoints([DEC])
            assert machine.engine.step() == TargetReached()


ACCESSES = """
    mov rdi, 0x200000
    mov eax, 7
1:  mov [rdi], rax
    nop
    add [rdi], rax
    mov rbx, [rdi + 8]
    push rax
    pop qword ptr [rdi + 16]
    mov ecx, 3
    rep stosb
    jmp 2f
2:  nop
    hlt
"""
WORD = Watchpoint(HEAP, 8, Access.WRITE)


def accesses(machine: Guest, watchpoint: Watchpoint) -> list[int]:
    """Behind how many instructions the guest stops for a watchpoint."""
    engine, found, total = machine.engine, [], 0
    engine.set_watchpoints([watchpoint])
    while True:
        exit_ = engine.run_instructions(FOREVER)
        total += engine.instructions_retired
        if isinstance(exit_, Hlt):
            return found
        assert exit_ == Watched(machine["rip"], watchpoint.address)
        found.append(total)


EXPECTED = [
    (Watchpoint(HEAP, 8, Access.WRITE), [3, 5, 10, 11, 12]),
    (Watchpoint(HEAP, 1, Access.WRITE), [3, 5, 10]),
    (Watchpoint(HEAP + 2, 1, Access.READ_WRITE), [3, 5, 12]),
    (Watchpoint(HEAP, 8, Access.READ), [5]),
    (Watchpoint(HEAP + 8, 8, Access.READ_WRITE), [6]),
    (Watchpoint(HEAP + 8, 8, Access.WRITE), []),
    (Watchpoint(HEAP + 20, 4, Access.READ_WRITE), [8]),
    (Watchpoint(STACK_TOP - 8, 8, Access.READ_WRITE), [7, 8]),
    (Watchpoint(HEAP + 64, 8, Access.READ_WRITE), []),
]


class TestWatchpoints:
    @pytest.mark.parametrize(("watchpoint", "expected"), EXPECTED)
    def test_behind_the_accessing_instruction(
        self, start: Any, watchpoint: Watchpoint, expected: list[int]
    ) -> None:
        with start(ACCESSES) as machine, start(ACCESSES) as plain:
            assert accesses(machine, watchpoint) == expected
            plain.run()
            assert machine.engine.registers() == plain.engine.registers()
            assert machine.ram.view == plain.ram.view

    def test_one_that_is_taken_away(self, start: Any) -> None:
        with start(ACCESSES) as machine:
            machine.engine.set_watchpoints([WORD])
            assert isinstance(machine.run(), Watched)
            machine.engine.set_watchpoints([])
            assert isinstance(machine.run(), Hlt)

    def test_in_front_of_a_crossing(self, start: Any) -> None:
        with start("mov [rdi], al; out 1, al; hlt", registers={"rdi": HEAP}) as machine:
            machine.engine.set_watchpoints([WORD])
            assert machine.run() == Watched(CODE + 2, HEAP)
            assert machine.run() == PortWrite(1, 0, 1)

    def test_a_faulting_instruction_has_accessed_nothing(self, start: Any) -> None:
        """It reads what is watched, and cannot push it."""
        body = f"mov rbx, {HEAP}; mov rsp, {UNMAPPED}; push [rbx]"
        options = {"segments": tables(ist=1)}
        with start(with_handlers(body), **options) as machine:
            machine.engine.set_watchpoints([Watchpoint(HEAP, 8, Access.READ)])
            assert machine.frame(machine.run()).vector == 14

    def test_in_front_of_code_that_is_not_there(self, start: Any) -> None:
        body = f"mov rdi, {HEAP}; mov rax, {UNMAPPED}; mov [rdi], rax; jmp [rdi]"
        with start(with_handlers(body), segments=tables()) as machine:
            machine.engine.set_watchpoints([Watchpoint(HEAP, 8, Access.READ)])
            assert machine.run() == Watched(UNMAPPED, HEAP)
            assert machine["cr2"] == 0
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.rip) == (14, UNMAPPED)


class TestNotes:
    @pytest.mark.parametrize(("watchpoint", "expected"), EXPECTED)
    def test_accesses_in_passing(
        self, start: Any, watchpoint: Watchpoint, expected: list[int]
    ) -> None:
        with start(ACCESSES) as machine:
            machine.engine.note((), [watchpoint])
            assert machine.engine.run_instructions(FOREVER) == Hlt(machine["rip"] - 1)
            hits = machine.engine.hits()
            assert (hits.count if hits else 0) == len(expected)
            if hits:
                assert (hits.first.low, hits.last.low) == (expected[0] - 1, expected[-1] - 1)
                assert hits.first.high == hits.first.low + 1
                assert hits.last.watchpoint == watchpoint

    def test_breakpoints_in_passing(self, start: Any) -> None:
        with start(LOOP) as machine:
            engine = machine.engine
            engine.note([INC, OUT, DEC], ())
            engine.run_instructions(FOREVER)
            hits = engine.hits()
            assert hits is not None
            assert (hits.count, hits.first, hits.last) == (2, Hit(2, 3, INC), Hit(3, 4, OUT))
            engine.run_instructions(4)
            hits = engine.hits()
            assert hits is not None
            assert (hits.count, hits.first, hits.last) == (2, Hit(0, 1, DEC), Hit(3, 4, INC))

    def test_a_position_is_where_one_stands_after_as_many_instructions(self, start: Any) -> None:
        with start(ACCESSES) as machine:
            machine.engine.note([CODE + 12], [WORD])
            machine.engine.run_instructions(FOREVER)
            hits = machine.engine.hits()
        assert hits is not None
        with start(ACCESSES) as machine:
            machine.engine.run_instructions(hits.last.low)
            assert machine.engine.read(HEAP + 2, 1) == b"\0"
            machine.engine.step()
            assert machine.engine.read(HEAP + 2, 1) == b"\7"

    def test_ranges_of_any_size_at_any_address(self, start: Any) -> None:
        watchpoint = Watchpoint(HEAP - 0x1003, 0x1003 + 3, Access.WRITE)
        with start(ACCESSES) as machine:
            machine.engine.note((), [watchpoint, Watchpoint(HEAP + 17, 1, Access.WRITE)])
            machine.engine.run_instructions(FOREVER)
            hits = machine.engine.hits()
            assert hits is not None
            assert hits.count == 6
            assert hits.last == Hit(11, 12, HEAP + 2, watchpoint)

    def test_an_access_of_an_instruction_that_faults_is_none(self, start: Any) -> None:
        body = f"mov rbx, {HEAP}; mov rax, [rbx]; mov rsp, {UNMAPPED}; push [rbx]"
        with start(with_handlers(body), segments=tables(ist=1)) as machine:
            machine.engine.note((), [Watchpoint(HEAP, 8, Access.READ)])
            machine.frame(machine.engine.run_instructions(FOREVER))
            hits = machine.engine.hits()
            assert hits is not None
            assert hits.count == 1
            assert hits.first == hits.last

    def test_a_frame_that_an_exception_leaves(self, start: Any) -> None:
        """As if the first instruction of the handler had written it."""
        body = with_handlers("nop; ud2")
        before = len([line for line in body.replace(";", "\n").split("\n") if line.strip()]) - 1
        with start(body, segments=tables(ist=1)) as machine:
            machine.engine.note((), [Watchpoint(IST_TOP - 40, 40, Access.WRITE)])
            machine.frame(machine.engine.run_instructions(FOREVER))
            hits = machine.engine.hits()
            assert hits is not None
            assert (hits.count, hits.first.low, hits.first.high) == (1, before, before + 1)
            assert IST_TOP - 40 <= hits.last.address < IST_TOP

    def test_nothing(self, start: Any) -> None:
        with start(LOOP) as machine:
            machine.engine.note([UNMAPPED], [Watchpoint(HEAP, 1, Access.WRITE)])
            machine.engine.run_instructions(FOREVER)
            assert machine.engine.hits() is None
            machine.engine.note((), ())
            machine.engine.run_instructions(FOREVER)
            assert machine.engine.hits() is None
