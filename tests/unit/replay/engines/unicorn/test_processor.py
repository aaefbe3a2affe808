"""Going back, and on from there, is as if one had never been away."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from monitors.hvt.boot import PD_GPA, PML4_GPA
from monitors.ports import Exit, PortWrite, Protection, Registers, Segment
from replay.engines.ports import KeepsProcessor
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.callbacks import NOWHERE
from replay.engines.unicorn.engine import UnicornEngine
from replay.machine.digest import memory_digest
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    IDT,
    UNMAPPED,
    VECTORS,
    Guest,
    assemble,
    guest,
    tables,
    with_handlers,
)
from tests.unit.replay.engines.unicorn.test_dirty import OTHER_TABLES, OWN_TABLES
from tests.unit.replay.engines.unicorn.test_user_mode import user

FACES = pytest.mark.parametrize("pure_python", [False, True], ids=["compiled", "python"])
STOPS = 80
TRIPS = 30
COUNT_MAX = 60

# Integers, SSE and x87 with what is hidden in them, string instructions, flags that are still to be
# computed, and writes all over the heap.
BODY = f"""
    imul r9d, r9d, 1103515245
    add r9d, 12345
    mov eax, r9d
    shr eax, 12
    and eax, 0xff000
    mov edi, {HEAP}
    mov [rdi + rax], r9
    cvtsi2sd xmm0, r9d
    addsd xmm1, xmm0
    sqrtsd xmm2, xmm1
    movups [rdi + rax + 0xff8], xmm2
    fild dword ptr [rdi + rax]
    fldpi
    fmulp
    faddp
    test r9d, 0x70000
    jnz 1f
    fninit
    push 0x27f
    fldcw [rsp]
    pop rcx
    fldz
    fldz
1:  fldz
    mov ecx, 5
    lea rdi, [rdi + rax + 0x100]
    rep stosb
    cmp eax, r9d
    lahf
    bt r9d, 3
"""
START = "mov r9d, 12345; fldz; fldz; mov r14, rsp; lea r15, [rip + again];"
KERNEL = with_handlers(f"""
    {START}
    mov rbx, cr3
again:
    {BODY}
    out 16, eax
    mov ecx, 0xc0000102
    cdq
    wrmsr
    test r9d, 0x40000
    jz 2f
    mov rdx, {UNMAPPED}
    mov [rdx + rax], eax
2:  test r9d, 0x80000
    jz 3f
    rdtsc
    mov ds, eax
3:  ud2
""")
HANDLER = "mov rsp, r14; out 16, al; jmp r15"
USER = f"{START} again: {BODY} syscall; rdtsc; jmp again"

Maker = Callable[..., AbstractContextManager[Guest]]


def kernel(*, pure_python: bool = False) -> AbstractContextManager[Guest]:
    handlers = Segment(HANDLERS, assemble(HANDLER).ljust(16, b"\xf4") * VECTORS)
    text = [Protection(CODE, IDT, writable=False)]
    segments = [*tables(), handlers]
    return guest(KERNEL, segments=segments, protections=text, pure_python=pure_python)


def process(*, pure_python: bool = False) -> AbstractContextManager[Guest]:
    return user(USER, pure_python=pure_python)


GUESTS = pytest.mark.parametrize("make", [kernel, process])


def engine_of(machine: Guest) -> UnicornEngine:
    assert isinstance(machine.engine, UnicornEngine)
    return machine.engine


@dataclass(frozen=True, slots=True)
class State:
    """What can be seen of a guest."""

    registers: Registers
    memory: bytes

    @classmethod
    def of(cls, machine: Guest) -> State:
        return cls(machine.engine.registers(), memory_digest(machine.ram))


@dataclass(frozen=True, slots=True)
class Place:
    processor: object
    pages: Mapping[int, bytes]


class Traveller:
    """Goes to places; knows the pages of the guest from ``dirty_pages`` alone."""

    def __init__(self, machine: Guest) -> None:
        self._engine = engine_of(machine)
        self._pages: dict[int, bytes] = {}

    def place(self) -> Place:
        self._look()
        return Place(self._engine.save_processor(), dict(self._pages))

    def go(self, place: Place) -> None:
        self._look()
        for page in {*self._pages, *place.pages}:
            wanted = place.pages.get(page, bytes(PAGE_BYTES))
            if self._pages.get(page) != wanted:
                self._engine.write(page * PAGE_BYTES, wanted)
        self._engine.restore_processor(place.processor)
        self._pages = dict(place.pages)

    def _look(self) -> None:
        for page in self._engine.dirty_pages():
            self._pages[page] = self._engine.read(page * PAGE_BYTES, PAGE_BYTES)


@GUESTS
@FACES
def test_random_journeys_meet_the_states_of_a_straight_run(make: Maker, pure_python: bool) -> None:
    chance = random.Random(3)
    counts = [chance.randrange(COUNT_MAX) for _ in range(STOPS)]
    with make(pure_python=pure_python) as machine:
        engine = engine_of(machine)
        straight: list[tuple[Exit | None, State]] = [(None, State.of(machine))]
        straight += [(engine.run_instructions(n), State.of(machine)) for n in counts]
    assert len({type(exit_) for exit_, _ in straight}) == 4  # at the start None, then three
    with make(pure_python=pure_python) as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        assert isinstance(engine, KeepsProcessor)
        places = {0: traveller.place()}
        for _ in range(TRIPS):
            at = chance.choice(sorted(places))
            traveller.go(places[at])
            assert State.of(machine) == straight[at][1]
            for stop in range(at, min(at + chance.randrange(12), STOPS)):
                exit_ = engine.run_instructions(counts[stop])
                assert (exit_, State.of(machine)) == straight[stop + 1]
                if chance.random() < 0.3:
                    places[stop + 1] = traveller.place()
        assert max(places) > STOPS // 4


@GUESTS
def test_states_kept_before_anybody_tracked_pages(make: Maker) -> None:
    with make() as machine:
        engine = engine_of(machine)
        saved, memory = engine.save_processor(), bytes(machine.ram.view)
        engine.run_instructions(20)
        expected = State.of(machine)
        engine.dirty_pages()
        engine.write(0, memory)
        engine.restore_processor(saved)
        assert engine._dirty.are_tables_ours
        engine.dirty_pages()
        engine.restore_processor(saved)
        engine.run_instructions(20)
        assert State.of(machine) == expected
        assert engine.dirty_pages()


def test_back_from_behind_a_change_of_the_guests_tables() -> None:
    text = f"mov al, [{HEAP}]; out 1, al; mov [{HEAP}], al; out 2, al; mov al, [{HEAP}]; hlt"
    with guest(text, segments=tables()) as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        start = traveller.place()
        assert machine.run() == PortWrite(1, 0, 1)
        engine.write(PD_GPA + 8, bytes(8))
        behind = traveller.place()
        assert not engine._dirty.are_tables_ours
        traveller.go(start)
        assert engine._dirty.are_tables_ours
        assert machine.run() == PortWrite(1, 0, 1)
        assert machine.run() == PortWrite(2, 0, 1)
        traveller.go(behind)
        assert not engine._dirty.are_tables_ours
        assert machine["cr3"] == PML4_GPA
        machine.run()
        assert machine["cr2"] == HEAP


def test_back_from_other_tables_of_the_guest() -> None:
    text = f"mov eax, {OTHER_TABLES}; mov cr3, rax; out 1, al; mov [{HEAP}], al; out 2, al; ud2"
    with guest(text, segments=OWN_TABLES) as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        start = traveller.place()
        machine.run()
        behind = traveller.place()
        for _ in range(2):
            traveller.go(start)
            assert engine._dirty.are_tables_ours
            assert machine["cr3"] == PML4_GPA
            traveller.go(behind)
            assert not engine._dirty.are_tables_ours
            assert machine["cr3"] == OTHER_TABLES
            assert engine._state.flat_cr3 == NOWHERE
            assert machine.run() == PortWrite(2, OTHER_TABLES & 0xFF, 1)


def test_what_a_process_sees_of_the_kernels_registers_comes_back() -> None:
    with process() as machine:
        engine = engine_of(machine)
        saved, before = engine.save_processor(), engine.registers()
        engine.set_registers({**before, "lstar": 0x1234})
        assert machine["lstar"] == 0x1234
        engine.restore_processor(saved)
        assert engine.registers() == before


@pytest.mark.parametrize("begins", [True, False])
def test_protection_comes_and_goes_with_the_state(begins: bool) -> None:
    """CR0.WP is clear in one of two states, in which these tables would be noticed."""
    text = "mov rax, cr0; btc rax, 16; mov cr0, rax; out 1, al; mov [0x10000], al; out 2, al; ud2"
    with guest(
        text, segments=tables(), registers={"cr0": 0x80010021 if begins else 0x80000021}
    ) as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        start = traveller.place()
        machine.run()
        there = traveller.place()
        for place, protected in [(start, begins), (there, not begins)] * 2:
            traveller.go(place)
            assert bool(machine["cr0"] & 1 << 16) == protected
            assert not engine._dirty.are_tables_ours or protected
        exit_ = machine.run()
        assert isinstance(exit_, PortWrite) == begins


def test_code_of_pages_that_did_not_change_is_kept() -> None:
    text = "again: inc eax; jmp 1f; 1: out 1, al; jmp again"
    with guest(text) as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        place = traveller.place()
        machine.run()
        machine.run()
        translated = engine._state.translated
        engine.write(CODE, engine.read(CODE, PAGE_BYTES))
        for _ in range(3):
            traveller.go(place)
            machine.run()
            machine.run()
        assert engine._state.translated == translated > 0


def test_code_that_changed_comes_back() -> None:
    with guest("mov al, 1; out 1, al; jmp $ - 4") as machine:
        engine, traveller = engine_of(machine), Traveller(machine)
        place = traveller.place()
        assert machine.run() == PortWrite(1, 1, 1)
        engine.write(CODE + 1, b"\2")
        assert machine.run() == PortWrite(1, 2, 1)
        traveller.go(place)
        assert machine.run() == PortWrite(1, 1, 1)
