"""Counting by blocks against counting every instruction, and stops at exact numbers."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from monitors.ports import (
    Breakpoint,
    Exit,
    Hlt,
    Interrupted,
    Protection,
    Segment,
    TargetReached,
    TripleFault,
    UserFault,
    Watched,
)
from replay.engines.ports import Access, Watchpoint
from replay.engines.unicorn.counting import COUNT_BY_VARIABLE, Mode
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    MEM_BYTES,
    STACK_TOP,
    UNMAPPED,
    Guest,
    assemble,
    guest,
    tables,
    with_handlers,
)

SEALED = (Protection(CODE, HANDLERS + 0x1000, writable=False),)
FOREVER = 1 << 40
ENDS = (Hlt, UserFault, TripleFault)


@contextmanager
def counted(code: str, by: str = "block", **options: Any) -> Iterator[Guest]:
    """A guest whose engine counts by ``by``."""
    options.setdefault("protections", SEALED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(COUNT_BY_VARIABLE, by)
        with guest(code, **options) as machine:
            yield machine


def skipping(vector: int, instruction: int) -> Segment:
    """A handler that goes on behind an instruction of so many bytes."""
    pop = "add rsp, 8;" if vector in (8, 10, 11, 12, 13, 14, 17) else ""
    code = assemble(f"{pop} add qword ptr [rsp], {instruction}; iretq")
    return Segment(HANDLERS + vector * 16, code)


@dataclass(frozen=True)
class Program:
    """A guest, and how it is started."""

    code: str
    options: dict[str, Any] = field(default_factory=dict)


STRINGS = """
    mov r12d, 12
1:  mov rdi, 0x200000
    mov rsi, 0x210000
    mov ecx, r12d
    rep stosb
    mov ecx, 3
    std
    rep movsq
    cld
    mov ecx, 0
    rep movsb
    mov ecx, 9
    mov rdi, 0x200000
    mov al, 7
    repne scasb
    mov rsi, 0x200003
    mov ecx, 4
    repe cmpsb
    sbb rdx, rax
    pushf
    pop rbx
    dec r12d
    jnz 1b
    out 3, al
    mov ecx, 0xc0000100
    rdmsr
    pause
    jmp 2f
    ud2
2:  mov ecx, 40
3:  loop 3b
    hlt
"""
EXCEPTIONS = with_handlers(
    f"""
    mov rsi, {UNMAPPED}
    mov r12d, 6
1:  stc
    mov rax, [rsi]
    adc rbx, 5
    ud2
    rdtsc
    int 0x12
    nop
    int3
    .byte 0xf1
    push 3
    mov rdi, 0x200000
    add qword ptr [rdi], 77
    .byte 0x0f, 0xff
    .byte 0x06
    nop
    out 4, eax
    xor edx, edx
    xor ecx, ecx
    mov eax, 5
    div ecx
    mov rax, cr3
    call 2f
    dec r12d
    jnz 1b
    hlt
2:  mov eax, 1
    cpuid
    ret
    """
)
EXCEPTION_OPTIONS = {
    "segments": [
        *tables(),
        skipping(14, 3),
        *(skipping(6, size) for size in (2,)),
        skipping(0, 2),
        Segment(HANDLERS + 0x12 * 16, assemble("inc r13; iretq")),
        Segment(HANDLERS + 3 * 16, assemble("inc r13; iretq")),
        Segment(HANDLERS + 1 * 16, assemble("inc r13; iretq")),
    ]
}
USER_STATE = {
    **dict.fromkeys(("ds", "es", "fs", "gs", "fs_base", "gs_base"), 0),
    "cs": 0x33,
    "ss": 0x2B,
    "rflags": 0x202,
    "rsp": MEM_BYTES - 8,
}
USER_RIGHTS = (
    Protection(0, CODE, writable=True, executable=False),
    Protection(CODE, CODE + 0x10000, writable=False),
    Protection(CODE + 0x10000, MEM_BYTES, writable=True, executable=False),
)
USER = """
    mov r12d, 9
1:  mov eax, 39
    syscall
    push rax
    pop rbx
    int 0x80
    rdtsc
    mov ecx, 4
    mov rdi, 0x200000
    rep stosd
    dec r12d
    jnz 1b
    call 2f
    mov rax, [0x3fffffff8]
2:  ret
"""
WRITING = """
    mov r12d, 5
    mov rdi, 0x200000
1:  mov dword ptr [rdi], 0xc3c3ff48   # inc rbx; ret
    call rdi
    mov dword ptr [rdi], 0xc3ff3148   # xor rdi, rdi
    mov dword ptr [rdi + 4], 0xc30000bf
    lea rax, [rip + 3f]
    mov byte ptr [rdi], 0xc3
    call rdi
    inc r14
    dec r12d
    jnz 1b
3:  hlt
"""
PROGRAMS = {
    "strings": Program(STRINGS),
    "exceptions": Program(EXCEPTIONS, EXCEPTION_OPTIONS),
    "user mode": Program(USER, {"registers": USER_STATE, "protections": USER_RIGHTS}),
    "code that is written": Program(WRITING),
    "all code can be written": Program(STRINGS, {"protections": ()}),
}
OWN_BLOCK = """
    mov r12d, 4
1:  lea rdi, [rip + 2f]
    inc rbx
    mov dword ptr [rdi + 3], r12d
    nop
2:  mov rax, 0x11223344
    add rbx, rax
    lea rsi, [rip + 3f]
    mov ecx, 3
    mov al, 0x90
    mov rdi, rsi
3:  rep stosb
    nop
    nop
    nop
    mov dword ptr [rsi], 0x90aaf390
    mov byte ptr [rsi], 0xf3
    mov byte ptr [rsi + 1], 0xaa
    dec r12d
    jnz 1b
    call 4f
4:  pop rax
    jmp 5f
5:  hlt
"""
PROGRAMS["code that writes its own block"] = Program(OWN_BLOCK, {"protections": ()})
WAYS = [("block", False), ("block", True), ("instruction", True)]


def stretch(machine: Guest, count: int) -> tuple[Exit, int, dict[str, int], int]:
    exit_ = machine.engine.run_instructions(count)
    memory = 0
    for start in (STACK_TOP, HEAP, 0x210000, MEM_BYTES):
        memory = zlib.crc32(machine.ram.view[start - 0x1000 : start + 0x1000], memory)
    return exit_, machine.engine.instructions_retired, dict(machine.engine.registers()), memory


def journey(
    program: Program, counts: Sequence[int], by: str, *, pure_python: bool = False
) -> list[Any]:
    """All that is seen at stops behind so many instructions each, again and again."""
    seen: list[Any] = []
    with counted(program.code, by, pure_python=pure_python, **program.options) as machine:
        while len(seen) < 4000:
            seen.append(stretch(machine, counts[len(seen) % len(counts)]))
            if isinstance(seen[-1][0], ENDS):
                return seen
    raise AssertionError("it does not end")


@pytest.mark.parametrize("name", PROGRAMS)
def test_stops_agree_however_one_counts(name: str) -> None:
    program = PROGRAMS[name]
    draw = random.Random(name)
    for counts in ([FOREVER], [draw.randrange(1, 60) for _ in range(97)]):
        expected = journey(program, counts, "instruction")
        for by, pure_python in WAYS:
            assert journey(program, counts, by, pure_python=pure_python) == expected, by


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_straight_run_passes_every_stop_of_single_steps(name: str) -> None:
    program = PROGRAMS[name]
    steps = positions(journey(program, [1], "block"))
    assert steps == positions(journey(program, [1], "instruction"))
    total = len(steps)
    for count in (2, 7, 31):
        seen = positions(journey(program, [count], "block"))
        assert seen.items() <= steps.items()
    assert total > 60


def positions(seen: Sequence[Any]) -> dict[tuple[int, int], Any]:
    """What is seen at stops, by the number of crossings and of instructions behind the last."""
    crossings = instructions = 0
    found = {}
    for exit_, retired, *state in seen:
        instructions += retired
        if not isinstance(exit_, TargetReached | Breakpoint | Watched):
            crossings, instructions = crossings + 1, 0
        found[crossings, instructions] = state
    return found


LOOP = "1: inc rax; dec rbx; nop; loop 1b; jmp 1b"
FACES = pytest.mark.parametrize("pure_python", [False, True], ids=["compiled", "python"])


def nagged(machine: Guest, count: int) -> Exit:
    """``run_instructions`` while another thread interrupts as fast as it can."""
    done = threading.Event()

    def nag() -> None:
        while not done.is_set():
            machine.engine.interrupt()

    thread = threading.Thread(target=nag)
    thread.start()
    try:
        return machine.engine.run_instructions(count)
    finally:
        done.set()
        thread.join()


class TestModes:
    """What is counted, and that changing it loses no instruction."""

    def test_sealed_code_is_counted_by_blocks_and_that_stays(self) -> None:
        with counted("1: nop; out 1, al; jmp 1b") as machine:
            machine.run()
            assert machine.engine._counting.mode is Mode.NOTHING
            machine.engine.run_instructions(1)
            machine.run()
            assert machine.engine._counting.mode is Mode.BLOCKS
            assert machine.engine.instructions_retired == 1

    def test_code_that_can_be_written_is_counted_by_instruction_for_good(self) -> None:
        code = f"mov rdi, {HEAP}; call rdi; call rdi; nop; hlt"
        with counted(code, segments=[Segment(HEAP, b"\x90\xc3")]) as machine:
            counting = machine.engine._counting
            assert machine.engine.run_instructions(1) == TargetReached()
            assert counting.mode is Mode.BLOCKS
            assert machine.engine.run_instructions(FOREVER) == Hlt(machine["rip"] - 1)
            assert counting.mode is Mode.INSTRUCTIONS
            assert machine.engine.instructions_retired == 7

    def test_watching_is_by_instruction_while_it_lasts(self) -> None:
        with counted("1: mov [rdi], rax; nop; jmp 1b", registers={"rdi": HEAP}) as machine:
            engine = machine.engine
            engine.run_instructions(5)
            engine.set_watchpoints([Watchpoint(HEAP, 8, Access.WRITE)])
            assert engine.run_instructions(FOREVER) == Watched(CODE + 3, HEAP)
            assert engine.instructions_retired == 2
            assert engine._counting.mode is Mode.INSTRUCTIONS
            engine.set_watchpoints(())
            assert engine.run_instructions(100) == TargetReached()
            assert engine._counting.mode is Mode.BLOCKS
            assert machine["rip"] == CODE + 4

    def test_the_environment_keeps_blocks_out(self) -> None:
        with counted("nop; hlt", "instruction") as machine:
            machine.engine.run_instructions(1)
            assert machine.engine._counting.mode is Mode.INSTRUCTIONS


@FACES
def test_an_interrupt_leaves_an_exact_position(pure_python: bool) -> None:
    with counted(LOOP, pure_python=pure_python, registers={"rcx": 77}) as machine:
        total, interrupted = 0, 0
        while interrupted < 5:
            exit_ = nagged(machine, 20_000)
            total += machine.engine.instructions_retired
            interrupted += exit_ == Interrupted()
            at = dict(machine.engine.registers())
        with counted(LOOP, registers={"rcx": 77}) as straight:
            assert straight.engine.run_instructions(total) == TargetReached()
            assert straight.engine.registers() == at


def test_code_that_the_host_changes_is_counted_anew() -> None:
    with counted("1: nop; nop; nop; nop; out 1, al; jmp 1b") as machine:
        machine.engine.run_instructions(FOREVER)
        assert machine.engine.instructions_retired == 4
        machine.engine.write(CODE, b"\x66\x90\x90\x90")
        machine.engine.run_instructions(FOREVER)
        assert machine.engine.instructions_retired == 4
        machine.engine.write(CODE, b"\x66\x90\x66\x90")
        machine.engine.run_instructions(FOREVER)
        assert machine.engine.instructions_retired == 3


@FACES
@pytest.mark.parametrize("jump", ["jmp 1b", "jnz 1b", "jmp rsi"])
def test_a_jump_to_itself_counts_every_time(jump: str, pure_python: bool) -> None:
    """Where code can be written and the guest has its own page tables, too."""
    for tables_of_its_own in ("", "mov rax, cr3; mov cr3, rax;"):
        setup = f"{tables_of_its_own} lea rsi, [rip + 1f]; or ecx, 1;"
        options: dict[str, Any] = {"protections": (), "pure_python": pure_python}
        before = setup.count(";")
        with counted(f"{setup} 1: {jump}", registers={"rcx": 1}, **options) as machine:
            for count in (before + 10, 1000):
                assert machine.engine.run_instructions(count) == TargetReached()
                assert machine.engine.instructions_retired == count
            assert nagged(machine, FOREVER) == Interrupted()


@FACES
def test_breakpoints_and_watchpoints_on_the_way_change_no_count(pure_python: bool) -> None:
    """All kinds of stops, put and taken away at random, against one straight run."""
    draw = random.Random(5)
    program = PROGRAMS["exceptions"]
    straight = positions(journey(program, [1], "block"))
    with counted(program.code, pure_python=pure_python, **program.options) as machine:
        engine, seen = machine.engine, []
        while not seen or not isinstance(seen[-1][0], ENDS):
            engine.set_breakpoints([CODE + draw.randrange(150) for _ in range(draw.randrange(9))])
            engine.set_watchpoints([Watchpoint(HEAP, 8, Access.WRITE)] * draw.randrange(2))
            engine.note([CODE + draw.randrange(150)], [Watchpoint(STACK_TOP - 8, 8, Access.WRITE)])
            seen.append(stretch(machine, draw.randrange(1, 90)))
            assert len(seen) < 500
    assert any(isinstance(exit_, Breakpoint) for exit_, *_ in seen)
    assert any(isinstance(exit_, Watched) for exit_, *_ in seen)
    assert positions(seen).items() <= straight.items()


@pytest.mark.parametrize("name", ["exceptions", "user mode", "code that is written"])
def test_going_back_and_on_again(name: str) -> None:
    """The processor and memory of a stop, taken up again: what follows has the same numbers."""
    program = PROGRAMS[name]
    with counted(program.code, **program.options) as machine:
        engine = machine.engine
        for count in (11, 23, 41):
            engine.run_instructions(count)
            kept = engine.snapshot()
            after = [stretch(machine, 17) for _ in range(4)]
            engine.restore(kept)
            assert [stretch(machine, 17) for _ in range(4)] == after
            engine.restore(kept)
