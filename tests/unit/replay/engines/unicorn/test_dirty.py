"""Which pages count as written, and that a guest under other tables cannot tell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest

from monitors.hvt.boot import PD_GPA, PML4_GPA
from monitors.ports import Exit, Hlt, PortWrite, Segment, UnbackedAccess
from replay.engines.ports import TracksDirtyPages
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.engine import UnicornEngine
from replay.machine.digest import memory_digest
from tests.unit.replay.engines.guests import (
    CODE,
    DATA,
    HEAP,
    STACK_TOP,
    UNMAPPED,
    Guest,
    guest,
    tables,
    with_handlers,
)
from tests.unit.replay.engines.unicorn.test_user_mode import user

HEAP_PAGE = HEAP // PAGE_BYTES
STACK_PAGE = (STACK_TOP - 8) // PAGE_BYTES
FACES = pytest.mark.parametrize("pure_python", [False, True], ids=["compiled", "python"])
OTHER_TABLES = HEAP + 0x100000
# Others than at boot: they map what those do, as far as a guest here needs it, and 2 MiB beyond.
OWN_TABLES = [
    Segment(OTHER_TABLES, (OTHER_TABLES + 0x1000 | 0x23).to_bytes(8, "little")),
    Segment(OTHER_TABLES + 0x1000, (OTHER_TABLES + 0x2000 | 0x23).to_bytes(8, "little")),
    Segment(
        OTHER_TABLES + 0x2000,
        b"".join((at << 21 | 0xE3).to_bytes(8, "little") for at in range(3)),
    ),
]
LOAD_OWN_TABLES = f"mov eax, {OTHER_TABLES}; mov cr3, rax;"


def engine_of(machine: Guest) -> UnicornEngine:
    assert isinstance(machine.engine, UnicornEngine)
    return machine.engine


def is_shadowed(machine: Guest) -> bool:
    return engine_of(machine)._dirty.are_tables_ours


@contextmanager
def tracked(text: str, **options: object) -> Iterator[tuple[Guest, UnicornEngine]]:
    """A guest from whose start on somebody wants to know."""
    with guest(text, **options) as machine:  # type: ignore[arg-type]
        engine = engine_of(machine)
        assert isinstance(engine, TracksDirtyPages)
        engine.dirty_pages()
        yield machine, engine


def test_the_first_time_all_pages_in_use_are_dirty() -> None:
    with guest("hlt", segments=[Segment(HEAP, b"x")]) as machine:
        pages = engine_of(machine).dirty_pages()
        assert {PML4_GPA // PAGE_BYTES, CODE // PAGE_BYTES, HEAP_PAGE} <= set(pages)
        assert HEAP_PAGE + 1 not in pages
        assert is_shadowed(machine)
        assert engine_of(machine).dirty_pages() == []


def test_who_never_asks_pays_nothing() -> None:
    with guest("push rax; out 1, al") as machine:
        machine.run()
        assert not is_shadowed(machine)
        assert engine_of(machine)._memory.written is None
        assert engine_of(machine)._instance.get("cr3") == PML4_GPA


@FACES
def test_writes_of_the_guest(pure_python: bool) -> None:
    text = f"""
        mov edi, {HEAP}
        mov al, [rdi + 0x3000]
        mov [rdi + 0xfff], ax
        out 1, al
        out 1, al
        inc byte ptr [rdi + 0x3000]
        push rax
        out 1, al
    """
    with tracked(text, pure_python=pure_python) as (machine, engine):
        machine.run()
        assert engine.dirty_pages() == [HEAP_PAGE, HEAP_PAGE + 1]
        machine.run()
        assert engine.dirty_pages() == []
        machine.run()
        assert engine.dirty_pages() == [STACK_PAGE, HEAP_PAGE + 3]


def test_writes_of_the_host() -> None:
    text = f"mov byte ptr [{HEAP}], 1; out 1, al; mov byte ptr [{HEAP}], 1; hlt"
    with tracked(text) as (machine, engine):
        engine.write(HEAP + 0x1FFF, b"xy")
        engine.write(HEAP, b"")
        assert machine.run() == PortWrite(1, 0, 1)
        assert engine.dirty_pages() == [HEAP_PAGE, HEAP_PAGE + 1, HEAP_PAGE + 2]
        assert isinstance(machine.run(), Hlt)
        assert engine.dirty_pages() == [HEAP_PAGE]


def test_the_frame_of_an_exception() -> None:
    with guest(with_handlers("out 1, al; ud2"), segments=tables()) as machine:
        engine = engine_of(machine)
        machine.run()
        engine.dirty_pages()
        assert machine.frame(machine.run()).vector == 6
        assert engine.dirty_pages() == [STACK_PAGE]


@FACES
def test_a_guest_in_user_mode(pure_python: bool) -> None:
    text = f"push rax; syscall; mov byte ptr [{DATA}], 1; syscall; mov [{HEAP}], rax; ud2"
    with user(text, pure_python=pure_python) as machine:
        engine = engine_of(machine)
        before = engine.registers()
        assert CODE // PAGE_BYTES in engine.dirty_pages()
        assert is_shadowed(machine)
        assert engine.registers() == before
        expected = [machine["rsp"] - 8, DATA, HEAP]
        for address in expected:
            machine.run()
            assert engine.dirty_pages() == [address // PAGE_BYTES]
        engine.set_registers({**before, "rip": CODE})
        assert is_shadowed(machine)
        assert len(engine.dirty_pages()) > 3
        machine.run()
        assert engine.dirty_pages() == [expected[0] // PAGE_BYTES]


def test_the_guest_sees_its_own_cr3() -> None:
    text = "mov rax, cr3; mov r9, cr3; mov cr3, rax; mov rcx, cr3; out 1, al"
    with tracked(text) as (machine, engine):
        assert engine.run_instructions(2).__class__.__name__ == "TargetReached"
        assert engine.instructions_retired == 2
        assert machine.run() == PortWrite(1, PML4_GPA & 0xFF, 1)
        assert [machine[name] for name in ("rax", "r9", "rcx", "cr3")] == [PML4_GPA] * 4
        assert is_shadowed(machine)


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("mov rax, cr0; or rax, 8; mov cr0, rax", True),
        ("mov rax, cr0; btr rax, 16; mov cr0, rax", False),
        ("mov rax, cr4; mov cr4, rax", True),
        ("mov ecx, 0xc0000080; rdmsr; or eax, 1; wrmsr", True),
        ("mov ecx, 0xc0000080; rdmsr; bts eax, 11; wrmsr", False),
        ("mov ecx, 0xc0000082; xor eax, eax; bts eax, 11; xor edx, edx; wrmsr", True),
        (LOAD_OWN_TABLES, False),
        (f"mov eax, {HEAP}; mov cr2, rax", True),
    ],
)
def test_changes_of_the_processors_mode(text: str, stays: bool) -> None:
    with tracked(f"{text}; out 1, al; push rax; hlt", segments=OWN_TABLES) as (machine, engine):
        assert isinstance(machine.run(), PortWrite)
        assert is_shadowed(machine) == stays
        engine.dirty_pages()
        assert isinstance(machine.run(), Hlt)
        pages = engine.dirty_pages()
        assert STACK_PAGE in pages
        assert (CODE // PAGE_BYTES in pages) == (not stays)


def test_a_guest_without_write_protection_is_left_alone() -> None:
    with tracked("mov [0x10000], eax; hlt", registers={"cr0": 0x80000021}) as (machine, engine):
        assert not is_shadowed(machine)
        assert isinstance(machine.run(), Hlt)
        assert 0x10 in engine.dirty_pages()


def test_a_call_that_overwrites_the_guests_tables() -> None:
    """What they map from then on counts: nothing is at HEAP."""
    with tracked(f"out 1, al; mov rax, [{HEAP}]; hlt", segments=tables()) as (machine, engine):
        machine.run()
        engine.write(PD_GPA + 8, bytes(8))
        assert not is_shadowed(machine)
        machine.run()
        assert machine["cr2"] == HEAP
        assert machine["cr3"] == PML4_GPA


def test_neither_coming_nor_going_shows_in_registers_or_memory() -> None:
    with guest("hlt", segments=OWN_TABLES, registers={"cr2": 0x1234}) as machine:
        engine = engine_of(machine)
        before = engine.registers(), memory_digest(machine.ram)
        for are_ours in (True, False):
            engine.dirty_pages() if are_ours else engine._dirty.leave()
            assert is_shadowed(machine) == are_ours
            assert (engine.registers(), memory_digest(machine.ram)) == before


def test_a_complete_state_over_other_tables() -> None:
    with tracked(f"mov rax, [{HEAP}]; hlt", segments=tables()) as (machine, engine):
        state = engine.registers()
        engine.write(PD_GPA + 8, bytes(8))
        engine.set_registers(state)
        assert is_shadowed(machine)
        machine.run()
        assert machine["cr2"] == HEAP


def test_registers_that_a_debugger_changes() -> None:
    with tracked("hlt", segments=OWN_TABLES) as (machine, engine):
        engine.set_registers({"rax": 5})
        assert is_shadowed(machine)
        engine.set_registers({"cr3": OTHER_TABLES})
        assert not is_shadowed(machine)
        assert machine["cr3"] == OTHER_TABLES
        assert isinstance(machine.run(), Hlt)


def test_accesses_beyond_memory_are_the_same_exit() -> None:
    text = f"{LOAD_OWN_TABLES} out 1, al; mov rax, [0x400010]; hlt"
    with tracked(text, segments=OWN_TABLES) as (machine, engine):
        machine.run()
        engine.dirty_pages()
        assert machine.run() == UnbackedAccess(machine["rip"], 0x400010)


FAULTS = [
    *(f"mov rax, {at}" for at in (0x10000, 0, 0x3000, UNMAPPED, 4 << 20, 1 << 31)),
    *("mov rax, 0xffffffffffff0000", "mov rax, 0x8000000000000000"),
]
ACCESSES = ("mov [rax], ecx", "mov ecx, [rax]", "jmp rax", "lock inc dword ptr [rax]")


@pytest.mark.parametrize(("place", "access"), [*product(FAULTS, ACCESSES)])
def test_faults_are_the_same(place: str, access: str) -> None:
    ends = []
    for is_tracked in (False, True):
        with guest(with_handlers(f"{place}; {access}; hlt"), segments=tables()) as machine:
            if is_tracked:
                engine_of(machine).dirty_pages()
            exit_: Exit = machine.run()
            assert is_shadowed(machine) == is_tracked
            ends.append((exit_, machine.engine.registers(), memory_digest(machine.ram)))
    assert ends[0] == ends[1]


WANDER = f"""
    mov edi, {HEAP}
    mov r9d, 12345
again:
    imul r9d, r9d, 1103515245
    add r9d, 12345
    mov eax, r9d
    shr eax, 12
    and eax, 0xffffc
    cmp byte ptr [rdi + rax], 7
    mov [rdi + rax], r9
    test r9d, 0x10000
    jz again
    out 16, eax
    jmp again
"""


def test_a_copy_that_follows_dirty_pages_stays_equal() -> None:
    chance = random.Random(1)
    with tracked(WANDER) as (machine, engine):
        copy = bytearray(machine.ram.view)
        for _ in range(60):
            for _ in range(chance.randrange(4)):
                machine.run()
            if chance.random() < 0.3:
                engine.write(HEAP + chance.randrange(1 << 20), b"host")
            for page in engine.dirty_pages():
                at = slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
                copy[at] = machine.ram.view[at]
            assert copy == machine.ram.view
