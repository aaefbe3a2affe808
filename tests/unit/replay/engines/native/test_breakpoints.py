"""Breakpoints in guests that run as processes."""

from __future__ import annotations

import pytest

from monitors.ports import Breakpoint, Hlt, PortWrite, SystemCall, TargetReached, Trap, TrapKind
from replay.engines.native.breakpoints import end_of_repeated
from replay.engines.native.engine import NativeEngine
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    Guest,
    assemble,
    offset_of,
    with_handlers,
)
from tests.unit.replay.engines.native.machines import UserGuest, native

COUNT = "mov ecx, 3; again: inc eax; dec ecx; jnz again; out 16, eax; hlt"
AGAIN = CODE + 5
BOTH = pytest.mark.parametrize("stepped", [False, True], ids=["swept", "stepped"])


def engine_of(guest: Guest) -> NativeEngine:
    assert isinstance(guest.engine, NativeEngine)
    return guest.engine


@BOTH
def test_a_guest_stops_before_the_instruction_each_time(stepped: bool) -> None:
    with native(COUNT, stepped=stepped) as g:
        engine_of(g).set_breakpoints({AGAIN})
        for count in range(3):
            assert g.run() == Breakpoint(AGAIN)
            assert (g["rip"], g["rax"], g["rcx"]) == (AGAIN, count, 3 - count)
        assert g.run() == PortWrite(16, 3, 4)


@BOTH
def test_the_instruction_at_which_it_begins_runs(stepped: bool) -> None:
    with native(COUNT, stepped=stepped) as g:
        engine_of(g).set_breakpoints({CODE})
        assert g.run() == PortWrite(16, 3, 4)


@BOTH
def test_an_instruction_that_jumps_to_itself_is_come_to_again(stepped: bool) -> None:
    with native("x: loop x; hlt", stepped=stepped) as g:
        g.engine.set_registers({"rcx": 2})
        engine_of(g).set_breakpoints({CODE})
        assert g.run() == Breakpoint(CODE)
        assert g["rcx"] == 1
        assert g.run() == Hlt(CODE + 2)


@BOTH
def test_a_repeated_instruction_runs_to_its_end(stepped: bool) -> None:
    with native("rep stosb; out 16, eax; hlt", stepped=stepped) as g:
        count = 40 if stepped else 300_000
        g.engine.set_registers({"rcx": count, "rdi": HEAP, "rax": 0x5A})
        engine_of(g).set_breakpoints({CODE})
        assert g.run() == PortWrite(16, 0x5A, 4)
        assert g["rcx"] == 0
        assert g.engine.read(HEAP, count) == b"\x5a" * count


@pytest.mark.parametrize(
    ("code", "length"),
    [
        ("rep movsb", 2),
        ("rep stosq", 3),
        ("repne scasb", 2),
        ("rep movs word ptr [edi], word ptr [esi]", 4),
        ("stosb", None),
        ("rep ret", None),
        ("popcnt eax, eax", None),
        ("movss xmm0, xmm1", None),
    ],
)
def test_which_instructions_repeat(code: str, length: int | None) -> None:
    expected = None if length is None else CODE + length
    assert end_of_repeated(assemble(code), CODE) == expected


def test_a_return_with_a_prefix_is_left_like_any_other() -> None:
    with native("x: inc eax; again: call there; jmp again; there: rep ret") as g:
        there = CODE + 9
        engine_of(g).set_breakpoints({there})
        for _ in range(3):
            assert g.run() == Breakpoint(there)


@BOTH
@pytest.mark.parametrize(
    ("code", "exit_"),
    [("out 16, eax", PortWrite(16, 7, 4)), ("rdtsc", Trap(TrapKind.RDTSC)), ("hlt", None)],
)
def test_before_an_instruction_that_crosses(
    code: str, exit_: PortWrite | Trap | None, stepped: bool
) -> None:
    with native(f"mov eax, 7; {code}; hlt", stepped=stepped) as g:
        engine_of(g).set_breakpoints({CODE + 5})
        assert g.run() == Breakpoint(CODE + 5)
        assert g.run() == (exit_ or Hlt(CODE + 5))


def test_before_an_instruction_that_is_emulated() -> None:
    with native("pushf; pop rax; nop; hlt") as g:
        engine_of(g).set_breakpoints({CODE, CODE + 1, CODE + 2})
        assert g.run() == Breakpoint(CODE + 1)
        assert g.run() == Breakpoint(CODE + 2)
        assert g.run() == Hlt(CODE + 3)
        assert g["rax"] & 0x202 == 2


def test_before_a_breakpoint_instruction_of_the_guests_own() -> None:
    at = offset_of("")
    with native(with_handlers("int3; hlt")) as g:
        engine_of(g).set_breakpoints({at})
        assert g.run() == Breakpoint(at)
        assert g.frame(g.run()).vector == 3


def test_in_the_handler_of_an_exception() -> None:
    at = offset_of("")
    with native(with_handlers("ud2")) as g:
        handler = HANDLERS + 6 * 16
        engine_of(g).set_breakpoints({handler, at})
        assert g.run() == Breakpoint(at)
        assert g.run() == Breakpoint(handler)
        assert g.frame(g.run()).vector == 6


def test_memory_stays_as_it_is_and_text_comes_back() -> None:
    with native(COUNT) as g:
        engine = engine_of(g)
        assert g.run() == PortWrite(16, 3, 4)
        assert engine._child is not None
        before = engine._child.read(CODE, 32)
        engine.set_breakpoints({AGAIN, CODE})
        assert engine.read(CODE, 32) == assemble(COUNT).ljust(32, b"\0")
        assert engine._child.read(CODE, 32) != before
        engine.set_breakpoints(())
        assert engine._child.read(CODE, 32) == before


def test_steps_pass_breakpoints() -> None:
    with native(COUNT) as g:
        engine_of(g).set_breakpoints({CODE, AGAIN})
        for rip in (AGAIN, AGAIN + 2, AGAIN + 4, AGAIN):
            assert engine_of(g).step() == TargetReached()
            assert g["rip"] == rip


def test_where_no_instruction_begins_nothing_changes() -> None:
    """`mov eax, imm32` keeps its constant, and a jump into it stops."""
    code = "nop; nop; mov eax, 0x90909090; out 16, eax; jmp $-6"
    inside = CODE + 4
    with native(code) as g:
        engine_of(g).set_breakpoints({inside})
        assert g.run() == PortWrite(16, 0x90909090, 4)
        assert g.run() == Breakpoint(inside)
        assert g.run() == PortWrite(16, 0x90909090, 4)


def test_text_that_the_host_changes_keeps_its_breakpoints() -> None:
    with native(COUNT) as g:
        engine_of(g).set_breakpoints({AGAIN})
        assert g.run() == Breakpoint(AGAIN)
        g.engine.write(CODE, assemble(COUNT.replace("inc eax", "dec eax")))
        assert g.run() == Breakpoint(AGAIN)
        assert g["rax"] == 0xFFFFFFFF
        engine_of(g).set_breakpoints(())
        assert g.run() == PortWrite(16, 0xFFFFFFFD, 4)


@BOTH
def test_behind_a_crossing_it_stops_at_once_and_after_a_jump_not(stepped: bool) -> None:
    with native("out 16, eax; nop; hlt", stepped=stepped) as g:
        behind = CODE + 2
        engine_of(g).set_breakpoints({behind})
        assert g.run() == PortWrite(16, 0, 4)
        assert g.run() == Breakpoint(behind)
        assert g.run() == Hlt(CODE + 3)
        g.engine.set_registers({"rip": behind})
        assert g.run() == Hlt(CODE + 3)


def test_guests_in_user_mode() -> None:
    with UserGuest("mov eax, 1; nop; syscall; nop; ud2") as engine:
        engine.set_breakpoints({CODE + 5, CODE + 6, CODE + 8})
        assert engine.run() == Breakpoint(CODE + 5)
        assert engine.run() == Breakpoint(CODE + 6)
        assert isinstance(engine.run(), SystemCall)
        assert engine.run() == Breakpoint(CODE + 8)
