"""Guests in user mode: what they may do, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monitors.ports import (
    Interrupted,
    Protection,
    SystemCall,
    TargetReached,
    Trap,
    TrapKind,
    UserFault,
)
from replay.engines.errors import NotReproducible
from tests.unit.replay.engines.guests import CODE, DATA, HEAP, MEM_BYTES, Guest, assemble, guest

TEXT_END = 0x110000
STACK_TOP = MEM_BYTES - 8
FAR = 0x4_0000_0000
NOT_CANONICAL = 1 << 47
KERNEL = 0xFFFF_FFFF_FFFE_0000
RIGHTS = (
    Protection(0, 0x10000, writable=False, readable=False, executable=False),
    Protection(0x10000, CODE, writable=True, executable=False),
    Protection(CODE, TEXT_END, writable=False),
    Protection(TEXT_END, MEM_BYTES, writable=True, executable=False),
)
STATE = {
    **dict.fromkeys(("ds", "es", "fs", "gs", "fs_base", "gs_base"), 0),
    "cs": 0x33,
    "ss": 0x2B,
    "rflags": 0x202,
    "rsp": STACK_TOP,
}
FACES = pytest.mark.parametrize("pure_python", [False, True], ids=["compiled", "python"])
DB, BP, OF, UD, SS, GP, PF = 1, 3, 4, 6, 12, 13, 14


@contextmanager
def user(
    code: bytes | str, *, pure_python: bool = False, rights: tuple[Protection, ...] = RIGHTS
) -> Iterator[Guest]:
    with guest(code, registers=STATE, protections=rights, pure_python=pure_python) as machine:
        yield machine


def behind(text: str) -> int:
    return CODE + len(assemble(text))


@FACES
def test_a_system_call_stops_behind_its_instruction(pure_python: bool) -> None:
    text = "mov eax, 5; mov edi, 1; mov esi, 2; mov edx, 3; mov r10, 4; mov r8, 5; mov r9, 6; stc;"
    with user(f"{text} syscall; inc rax; syscall", pure_python=pure_python) as machine:
        flags = 0x203
        end = behind(f"{text} syscall")
        assert machine.run() == SystemCall(5, (1, 2, 3, 4, 5, 6), end, flags)
        assert (machine["rip"], machine["rax"], machine["rflags"]) == (end, 5, flags)
        machine.engine.set_registers({"rax": 99, "rcx": end, "r11": 7, "rflags": 0x202})
        second = machine.run()
        assert isinstance(second, SystemCall)
        assert (second.number, machine["rcx"], machine["r11"]) == (100, end, 7)


@pytest.mark.parametrize("text", ["int 0x80", "sysenter"])
def test_32_bit_ways_into_the_kernel(text: str) -> None:
    with user(f"mov eax, 20; {text}") as machine:
        stop = machine.run()
        assert stop == SystemCall(
            20, (machine["rdi"], 0, 0, 0, 0, 0), behind(f"mov eax, 20; {text}"),
            0x202, legacy=True,
        )  # fmt: skip
        assert machine["rip"] == stop.rip


PRIVILEGED = [
    *("hlt", "cli", "sti", "in al, 0x40", "in eax, dx", "out 0x40, al", "out dx, eax"),
    *("rep insb", "rep outsd", "mov rax, cr0", "mov cr0, rax", "mov rax, cr3", "mov cr3, rax"),
    *("mov rax, cr8", "mov cr8, rax", "mov rax, dr7", "mov dr7, rax", "rdmsr", "wrmsr"),
    *("lgdt [rsp]", "lidt [rsp]", "lldt ax", "ltr ax", "lmsw ax", "clts", "invd", "wbinvd"),
    *("invlpg [rsp]", "swapgs", "sysretq", ".byte 0x0f, 0x35", "rdpmc"),
]


@FACES
@pytest.mark.parametrize("text", PRIVILEGED)
def test_privileged_instructions_are_protection_faults(text: str, pure_python: bool) -> None:
    with user(f"nop; {text}", pure_python=pure_python) as machine:
        before = {**machine.engine.registers(), "rip": CODE + 1}
        assert machine.run() == UserFault(CODE + 1, GP)
        assert machine.engine.registers() == before


INTERRUPTS = [
    ("int3", UserFault(CODE + 1, BP)),
    (".byte 0xcd, 3", UserFault(CODE + 2, BP)),
    ("int 4", UserFault(CODE + 2, OF)),
    (".byte 0xf1", UserFault(CODE + 1, DB)),
    (".byte 0xcd, 1", UserFault(CODE, GP, 1 * 8 + 2)),
    ("int 0", UserFault(CODE, GP, 2)),
    ("int 14", UserFault(CODE, GP, 14 * 8 + 2)),
    ("int 0x81", UserFault(CODE, GP, 0x81 * 8 + 2)),
    ("ud2", UserFault(CODE, UD)),
    ("mov cr1, rax", UserFault(CODE, UD)),
    (".byte 0x0f, 0x01, 0xc8", UserFault(CODE, UD)),  # monitor
    ("div rcx", UserFault(CODE, 0)),
    ("push 0x302; popf; nop", UserFault(CODE + 7, DB)),
    ("mov eax, 0x18; mov ds, eax", UserFault(CODE + 5, GP, 0x18)),
    ("push 0x23; push 0; retfq", UserFault(CODE + 4, GP, 0x20)),  # 32-bit code
]


@FACES
@pytest.mark.parametrize(("text", "expected"), INTERRUPTS, ids=[text for text, _ in INTERRUPTS])
def test_exceptions(text: str, expected: UserFault, pure_python: bool) -> None:
    with user(text, pure_python=pure_python) as machine:
        assert machine.run() == expected
        assert machine["rip"] == expected.rip


READ, WRITE, FETCH, PRESENT, BY_USER = 0, 2, 0x10, 1, 4
ACCESSES = [
    ("write to text", f"mov [{CODE}], al", PRESENT | WRITE, CODE),
    ("read at 0", "mov al, [0]", READ, 0),
    ("write below the memory", f"mov eax, {0xFFF8}; mov [rax], al", WRITE, 0xFFF8),
    ("across an edge", f"mov eax, {MEM_BYTES - 4}; mov rbx, [rax]", READ, MEM_BYTES),
    ("far", f"mov rax, {FAR}; mov [rax], al", WRITE, FAR),
    ("the kernel's", f"mov rax, {KERNEL}; mov bl, [rax]", PRESENT | READ, KERNEL),
    (
        "the kernel's, absent",
        f"mov rax, {KERNEL + 0x1000}; mov bl, [rax]",
        PRESENT,
        KERNEL + 0x1000,
    ),
    ("iretq's stack", f"mov rsp, {FAR}; iretq", READ, FAR),
]


@FACES
@pytest.mark.parametrize(
    ("text", "code", "address"), [a[1:] for a in ACCESSES], ids=[a[0] for a in ACCESSES]
)
def test_memory_that_is_not_the_guests(
    text: str, code: int, address: int, pure_python: bool
) -> None:
    with user(text, pure_python=pure_python) as machine:
        rip = behind(text.rpartition(";")[0])
        assert machine.run() == UserFault(rip, PF, code | BY_USER, address)
        assert machine["cr2"] == 0


@FACES
@pytest.mark.parametrize("at", [DATA, HEAP, 0x20000])
def test_data_cannot_be_executed_and_can_be_written(at: int, pure_python: bool) -> None:
    text = f"mov eax, {at}; mov byte ptr [rax], 0x90; jmp rax"
    with user(text, pure_python=pure_python) as machine:
        assert machine.run() == UserFault(at, PF, FETCH | PRESENT | BY_USER, at)
        assert machine.engine.read(at, 1) == b"\x90"


def test_data_can_be_executed_where_that_is_allowed() -> None:
    rights = (*RIGHTS[:-1], Protection(TEXT_END, MEM_BYTES, writable=True))
    text = f"mov eax, {HEAP}; mov dword ptr [rax], 0x050fc3ff; jmp rax"
    with user(text, rights=rights) as machine:
        stop = machine.run()
        assert isinstance(stop, SystemCall)
        assert (stop.rip, machine["rbx"]) == (HEAP + 4, 1)


@pytest.mark.parametrize(
    ("text", "vector"),
    [
        (f"mov rax, {NOT_CANONICAL}; mov bl, [rax]", GP),
        (f"mov rsp, {NOT_CANONICAL + 8}; push rax", SS),
    ],
)
def test_addresses_that_are_none(text: str, vector: int) -> None:
    with user(text) as machine:
        assert machine.run() == UserFault(behind(text.rpartition(";")[0]), vector)


def test_popf_changes_neither_interrupts_nor_the_io_privilege() -> None:
    with user(
        "push 0x3cd7; popf; pushf; pop rax; push 2; popf; pushf; pop rbx; syscall"
    ) as machine:
        machine.run()
        assert machine["rax"] == 0xED7
        assert machine["rbx"] == 0x202


def test_nondeterministic_instructions_trap_as_ever() -> None:
    with user("rdtsc; cpuid; rdrand ecx") as machine:
        for kind in (TrapKind.RDTSC, TrapKind.CPUID, TrapKind.RDRAND):
            stop = machine.run()
            assert isinstance(stop, Trap)
            assert stop.kind is kind


def test_vector_code_is_refused() -> None:
    with user("vzeroall") as machine, pytest.raises(NotReproducible):
        machine.run()


def test_floating_point_control_is_judged_as_in_ring_0() -> None:
    with user("push 0x10000; ldmxcsr [rsp]") as machine:
        assert machine.run() == UserFault(CODE + 5, GP, 0)
    with user("mov al, 0; ldmxcsr [0]") as machine:
        assert machine.run() == UserFault(CODE + 2, PF, BY_USER, 0)


@FACES
def test_instructions_are_counted_up_to_a_fault_and_a_call(pure_python: bool) -> None:
    for end in ("syscall", "int 0x80", "int3", "ud2", "mov [0], al", "hlt"):
        with user(f"nop; inc rax; {end}", pure_python=pure_python) as machine:
            counts = machine.engine
            assert isinstance(counts.run_instructions(1), TargetReached)
            assert not isinstance(counts.run_instructions(100), TargetReached)
            assert counts.instructions_retired == 1


def test_a_guest_can_be_interrupted_and_goes_on() -> None:
    with user("nop; syscall") as machine:
        machine.engine.interrupt()
        assert machine.run() == Interrupted()
        assert isinstance(machine.run(), SystemCall)


def test_a_process_sees_linuxs_inventions_in_place_of_the_kernels_tables() -> None:
    text = "sub rsp, 64; sgdt [rsp]; sidt [rsp+16]; sldt eax; str ebx; smsw ecx; syscall"
    with user(text) as machine:
        machine.run()
        tables = machine.engine.read(machine["rsp"], 26)
        assert tables[2:10] == KERNEL.to_bytes(8, "little")
        assert tables[18:26] == (0xFFFF_FFFF_FFFF_0000).to_bytes(8, "little")
        assert (machine["rax"], machine["rbx"], machine["rcx"]) == (0, 0x40, 0x80050033)


def test_the_kernels_registers_are_shown_as_they_were_loaded_and_cannot_be_set() -> None:
    with user("mov bl, [0]") as machine:
        before = machine.engine.registers()
        machine.run()
        machine.engine.set_registers({"cr3": 0x1234000, "cs": 8, "efer": 0, "rbx": 5})
        after = machine.engine.registers()
        assert after == {**before, "rbx": 5}


def test_a_complete_state_can_be_loaded_at_any_time() -> None:
    with user("mov ebx, 7; syscall") as machine:
        machine.engine.set_registers({"fs_base": 0x123000, "xmm3": 1 << 100})
        machine.run()
        state = {**machine.engine.registers(), "rip": CODE, "rbx": 0}
        machine.engine.set_registers({"fs_base": 0, "xmm3": 0, "rsp": 0x200000})
        machine.engine.set_registers(state)
        assert machine.engine.registers() == state
        assert isinstance(machine.run(), SystemCall)
        assert machine["rbx"] == 7
        machine.engine.set_registers({**state, "rip": 0x200000})
        assert machine.run() == UserFault(0x200000, PF, FETCH | PRESENT | BY_USER, 0x200000)
