"""Watchpoints on guests that run as processes."""

from __future__ import annotations

import pytest

from monitors.ports import Breakpoint, Hlt, PortWrite, TargetReached, Watched
from replay.engines.native.engine import NativeEngine
from replay.engines.native.watchpoints import Watchpoints
from replay.engines.ports import Access, Watchpoint
from tests.unit.replay.engines.guests import CODE, HEAP, STACK_TOP, Guest
from tests.unit.replay.engines.native.machines import UserGuest, native

ACCESSES = "mov [rdi], eax; mov ebx, [rdi]; nop; hlt"  # 2 bytes each
WORD = HEAP + 0x100
BOTH = pytest.mark.parametrize("stepped", [False, True], ids=["swept", "stepped"])


def watch(guest: Guest, *watchpoints: Watchpoint) -> NativeEngine:
    assert isinstance(guest.engine, NativeEngine)
    guest.engine.set_registers({"rdi": WORD})
    guest.engine.set_watchpoints(watchpoints)
    return guest.engine


@BOTH
def test_writes(stepped: bool) -> None:
    with native(ACCESSES, stepped=stepped) as g:
        watch(g, Watchpoint(WORD, 4, Access.WRITE))
        assert g.run() == Watched(CODE + 2, WORD)
        assert g["rip"] == CODE + 2
        assert g.run() == Hlt(CODE + 5)


@BOTH
@pytest.mark.parametrize("access", [Access.READ, Access.READ_WRITE])
def test_what_waits_for_reads_stops_for_writes_too(access: Access, stepped: bool) -> None:
    with native(ACCESSES, stepped=stepped) as g:
        watch(g, Watchpoint(WORD, 8, access))
        assert g.run() == Watched(CODE + 2, WORD)
        assert g.run() == Watched(CODE + 4, WORD)
        assert g.run() == Hlt(CODE + 5)


@BOTH
@pytest.mark.parametrize(("offset", "size"), [(-8, 8), (4, 4), (3, 1), (0, 2)])
def test_only_the_bytes_that_are_watched(offset: int, size: int, stepped: bool) -> None:
    with native(ACCESSES, stepped=stepped) as g:
        watch(g, Watchpoint(WORD + offset, size, Access.WRITE))
        touches = 0 <= offset < 4
        expected = Watched(CODE + 2, WORD + offset) if touches else Hlt(CODE + 5)
        assert g.run() == expected


def test_four_at_once_and_none_afterwards() -> None:
    words = [WORD + 8 * number for number in range(4)]
    code = "".join(f"mov [rdi+{8 * number}], eax; " for number in range(4)) + "hlt"
    with native(code) as g:
        engine = watch(g, *(Watchpoint(at, 8, Access.WRITE) for at in words))
        assert engine.watches_max == 4
        assert [g.run() for _ in range(2)] == [
            Watched(CODE + 2, words[0]),
            Watched(CODE + 5, words[1]),
        ]
        engine.set_watchpoints(())
        assert g.run() == Hlt(CODE + 11)


def test_steps_report_them() -> None:
    with native(ACCESSES) as g:
        engine = watch(g, Watchpoint(WORD, 4, Access.WRITE))
        assert engine.step() == Watched(CODE + 2, WORD)
        assert engine.step() == TargetReached()


def test_a_call_onto_a_watched_stack_is_not_taken_for_a_breakpoint_instruction() -> None:
    """The process stops behind an INT3 that it has not executed."""
    with native("jmp over; int3; there: nop; hlt; over: call there") as g:
        watch(g, Watchpoint(STACK_TOP - 8, 8, Access.WRITE))
        assert g.run() == Watched(CODE + 3, STACK_TOP - 8)
        assert g.run() == Hlt(CODE + 4)


def test_breakpoint_and_watchpoint_at_the_same_instruction() -> None:
    with native(ACCESSES) as g:
        engine = watch(g, Watchpoint(WORD, 4, Access.READ_WRITE))
        engine.set_breakpoints({CODE, CODE + 2})
        assert g.run() == Watched(CODE + 2, WORD)
        assert g.run() == Watched(CODE + 4, WORD)
        engine.set_registers({"rip": CODE})
        engine.set_watchpoints(())
        assert g.run() == Breakpoint(CODE + 2)


def test_what_the_engine_writes_for_the_guest() -> None:
    with native("nop; out 16, eax; nop; hlt") as g:
        engine = watch(g, Watchpoint(WORD, 4, Access.WRITE))
        assert g.run() == PortWrite(16, 0, 4)
        engine.write(WORD - 2, b"abcd")
        assert g.run() == Watched(CODE + 3, WORD)
        assert g.run() == Hlt(CODE + 4)
        engine.write(WORD + 4, b"abcd")
        engine.set_registers({"rip": CODE + 3})
        assert g.run() == Hlt(CODE + 4)


def test_instructions_that_are_emulated() -> None:
    with native("pushf; nop; pop rax; hlt") as g:
        watch(g, Watchpoint(STACK_TOP - 8, 8, Access.READ_WRITE))
        assert g.run() == Watched(CODE + 1, STACK_TOP - 8)
        assert g.run() == Watched(CODE + 3, STACK_TOP - 8)


def test_guests_in_user_mode() -> None:
    with UserGuest(ACCESSES) as engine:
        engine.set_registers({"rdi": WORD})
        engine.set_watchpoints([Watchpoint(WORD, 4, Access.WRITE)])
        assert engine.run() == Watched(CODE + 2, WORD)


def test_a_watchpoint_is_about_meant_accesses_only() -> None:
    watched = Watchpoints(1 << 20)
    watched.use([Watchpoint(0x1000, 4, Access.WRITE), Watchpoint(0x2000, 4, Access.READ)])
    for start, size, write, hit in (
        (0x1000, 4, False, None),
        (0x0FFF, 2, True, 0x1000),
        (0x0FFF, 1, True, None),
        (0x2003, 1, False, 0x2000),
        (0x2003, 1, True, 0x2000),
        (0x2004, 8, False, None),
    ):
        watched.hit = None
        watched.accessed(start, size, write=write)
        assert watched.hit == hit, hex(start)
