"""Instructions that act on the processor's mode: they fault, are refused, or run."""

from __future__ import annotations

import struct

import pytest

from monitors.ports import Hlt, PortWrite, Segment
from replay.engines.errors import NotReproducible
from tests.unit.replay.engines.guests import (
    CODE_SELECTOR,
    DATA,
    DATA_SELECTOR,
    GDT,
    HEAP,
    STACK_TOP,
    guest,
    offset_of,
    stop_of,
    tables,
    with_handlers,
)

RING_3_CODE, COMPATIBLE_CODE, CALL_GATE, CALL_GATE_TO_32_BIT = 0x28, 0x30, 0x38, 0x48
_MORE = [
    Segment(
        GDT + RING_3_CODE,
        struct.pack(
            "<6Q",
            0x00AFF9000000FFFF,
            0x00CF99000000FFFF,
            CODE_SELECTOR << 16 | HEAP & 0xFFFF | 0x8C << 40 | (HEAP >> 16) << 48,
            0,
            COMPATIBLE_CODE << 16 | HEAP & 0xFFFF | 0x8C << 40 | (HEAP >> 16) << 48,
            0,
        ),
    ),
    Segment(DATA + 16, struct.pack("<HQ", RING_3_CODE + 47, GDT)),
]
SEGMENTS = [*tables(), *_MORE]

FXSAVE = f"mov edi, {HEAP}; fxsave [rdi]"


def far_pointer(instruction: str, selector: int, width: int) -> str:
    """A far jump or call through a pointer of ``width`` bytes and a selector."""
    store = {2: "word", 4: "dword", 8: "qword"}[width]
    offset = HEAP & (1 << 8 * width - 1) - 1
    return (
        f"sub rsp, 64; mov {store} ptr [rsp], {offset}; "
        f"mov word ptr [rsp + {width}], {selector}; .byte {instruction}, 0x24"
    )


JUMP, CALL = "0xff, 0x2c", "0xff, 0x1c"
WIDE = "0x48, "

FAULTS = {
    "paging off": "mov rax, cr0; btr rax, 31; mov cr0, rax",
    "protection off": "mov rax, cr0; btr rax, 0; mov cr0, rax",
    "NW without CD": "mov rax, cr0; bts rax, 29; mov cr0, rax",
    "upper half of CR0": "mov rax, cr0; bts rax, 32; mov cr0, rax",
    "CR3 beyond 40 bits": "mov rax, cr3; bts rax, 40; mov cr3, rax",
    "PAE off": "mov rax, cr4; btr rax, 5; mov cr4, rax",
    "VMXE": "mov rax, cr4; bts rax, 13; mov cr4, rax",
    "OSXSAVE": "mov rax, cr4; bts rax, 18; mov cr4, rax",
    "SMEP": "mov rax, cr4; bts rax, 20; mov cr4, rax",
    "LA57": "mov rax, cr4; bts rax, 12; mov cr4, rax",
    "CR8 of 16": "mov eax, 16; mov cr8, rax",
    "upper half of DR6": "mov rax, -1; mov dr6, rax",
    "upper half of DR7": "mov rax, -1; mov dr7, rax",
    "long mode off": "mov ecx, 0xc0000080; rdmsr; btr eax, 8; wrmsr",
    "unknown EFER bit": "mov ecx, 0xc0000080; rdmsr; bts eax, 12; wrmsr",
    "FS base at no address": "mov ecx, 0xc0000100; mov edx, 0x80000000; wrmsr",
    "a register that does not exist": "mov ecx, 0x1234; xor eax, eax; wrmsr",
    "APIC base": "mov ecx, 0x1b; xor eax, eax; wrmsr",
    "reading a register that does not exist": "mov ecx, 0x1234; rdmsr",
    "sysenter": "sysenter",
    "sysexit": ".byte 0x0f, 0x35",
    "reserved bits of MXCSR": "push 0x11f80; ldmxcsr [rsp]",
    "reserved bits of MXCSR in FXRSTOR": f"{FXSAVE}; bts dword ptr [rdi + 24], 20; fxrstor [rdi]",
}


@pytest.mark.parametrize("body", FAULTS.values(), ids=list(FAULTS))
def test_general_protection(body: str) -> None:
    *before, culprit = body.split(";")
    with guest(with_handlers(f"{body}; hlt"), segments=SEGMENTS) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code) == (13, 0)
        assert frame.rip == offset_of(";".join(before)), culprit
        assert machine["cr0"] == 0x80010021
        assert machine["efer"] == 0x500


INVALID = {
    "syscall": "syscall",
    "sysret": ".byte 0x0f, 0x07",
    "CR1": ".byte 0x0f, 0x22, 0xc8",
    "CR5": ".byte 0x0f, 0x22, 0xe8",
    "monitor": "monitor",
    "mwait": "mwait",
    "rsm": "rsm",
    "vmcall": "vmcall",
    "vmlaunch": "vmlaunch",
    "vmrun": "vmrun",
    "stgi": "stgi",
    "skinit": "skinit",
    "getsec": "getsec",
    "xgetbv": "xgetbv",
    "xsetbv": "xsetbv",
    "rdfsbase": "rdfsbase rax",
    "a locked site": ".byte 0xf0, 0x0f, 0x31",
    "a locked hlt": ".byte 0xf0, 0xf4",
}


@pytest.mark.parametrize("culprit", INVALID.values(), ids=list(INVALID))
def test_invalid_opcode(culprit: str) -> None:
    with guest(with_handlers(f"{culprit}; hlt"), segments=SEGMENTS) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.rip) == (6, offset_of(""))


def far(instruction: str, selector: int, width: str = "qword") -> str:
    """A far return or IRET with a frame for ``selector``."""
    size = {"qword": 8, "dword": 4, "word": 2}[width]
    values = [HEAP, selector, 2, STACK_TOP, DATA_SELECTOR | selector & 3]
    stores = "".join(
        f"mov {width} ptr [rsp + {n * size}], {v & 0xFFFF if size == 2 else v};"
        for n, v in enumerate(values)
    )
    return f"sub rsp, 64; {stores} {instruction}"


REFUSED = {
    "iretq to ring 3": far("iretq", RING_3_CODE | 3),
    "iretq to 32-bit code": far("iretq", COMPATIBLE_CODE),
    "iretd to 32-bit code": far("iretd", COMPATIBLE_CODE, "dword"),
    "iretw to ring 3": far(".byte 0x66, 0xcf", RING_3_CODE | 3, "word"),
    "retfq to ring 3": far(".byte 0x48, 0xcb", RING_3_CODE | 3),
    "retf to 32-bit code": far(".byte 0xcb", COMPATIBLE_CODE, "dword"),
    "retfw to 32-bit code": far(".byte 0x66, 0xcb", COMPATIBLE_CODE, "word"),
    "far jump": far_pointer(JUMP, COMPATIBLE_CODE, 4),
    "far jump with a 64-bit offset": far_pointer(WIDE + JUMP, COMPATIBLE_CODE, 8),
    "far call": far_pointer(WIDE + CALL, COMPATIBLE_CODE, 8),
    "far call of 16 bits": far_pointer("0x66, " + CALL, CODE_SELECTOR, 2),
    "far call of 32 bits": far_pointer(CALL, CODE_SELECTOR, 4),
    "far return of 32 bits": far(".byte 0xcb", CODE_SELECTOR, "dword"),
    "call gate to 32-bit code": far_pointer(WIDE + CALL, CALL_GATE_TO_32_BIT, 8),
    "syscall": "mov ecx, 0xc0000080; rdmsr; bts eax, 0; wrmsr; syscall",
    "sysenter": "mov ecx, 0x174; mov eax, 8; xor edx, edx; wrmsr; sysenter",
    "a hardware breakpoint": "mov eax, 1; mov dr7, rax",
    "the cycle counter": "mov ecx, 0x10; xor eax, eax; wrmsr",
    "the processor's number": "mov ecx, 0xc0000103; mov eax, 1; wrmsr",
    "SSE exceptions": "push 0x1f00; ldmxcsr [rsp]",
    "SSE exceptions by FXRSTOR": f"{FXSAVE}; btr dword ptr [rdi + 24], 7; fxrstor [rdi]",
    "SSE exceptions relative to RIP": "ldmxcsr [rip + 1f]; 1: .long 0x1f00",
    "SSE exceptions relative to FS": f"mov ecx, 0xc0000100; mov eax, {HEAP}; xor edx, edx; wrmsr;"
    "mov dword ptr fs:[4], 0; ldmxcsr fs:[4]",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_refused(body: str) -> None:
    with guest(with_handlers(f"{body}; hlt"), segments=SEGMENTS) as machine:
        with pytest.raises(NotReproducible) as caught:
            machine.run()
        assert machine["rip"] == caught.value.rip
        assert caught.value.remedy


RUNS = {
    "CR0 bits that do no harm": "mov rax, cr0; bts rax, 1; btr rax, 16; mov cr0, rax; mov rbx, cr0",
    "CR2": "mov eax, 77; mov cr2, rax",
    "CR3 again": "mov rax, cr3; mov cr3, rax",
    "CR4 bits that exist": "mov rax, cr4; bts rax, 7; mov cr4, rax",
    "debug registers that watch nothing": "mov eax, 1024; mov dr7, rax; mov dr0, rax; mov rbx, dr6",
    "FS base": "mov ecx, 0xc0000100; mov eax, 5; mov edx, 6; wrmsr; rdmsr",
    "SYSCALL's registers": "mov ecx, 0xc0000082; mov eax, 5; xor edx, edx; wrmsr",
    "NX": "mov ecx, 0xc0000080; rdmsr; bts eax, 11; wrmsr",
    "the processor's number is 0": "mov ecx, 0xc0000103; xor eax, eax; xor edx, edx; wrmsr; rdmsr",
    "MXCSR": "push 0x9fc0; ldmxcsr [rsp]; stmxcsr [rsp + 8]",
    "FXSAVE and FXRSTOR": f"mov edi, {HEAP}; fxsave [rdi]; fxrstor [rdi]",
    "tables": f"mov eax, {DATA + 16}; lgdt [rax]; sgdt [rsp - 16]; sidt [rsp - 16]",
    "caches and flags": "wbinvd; invd; clts; cli; sti; cld; invlpg [rsp]; swapgs; swapgs",
    "segments": "mov eax, 0x10; mov ds, ax; mov es, ax; mov fs, ax; mov gs, ax; mov ss, ax",
}


@pytest.mark.parametrize("body", RUNS.values(), ids=list(RUNS))
def test_executed(body: str) -> None:
    assert isinstance(stop_of(with_handlers(f"{body}; hlt"), segments=SEGMENTS), Hlt)


def test_what_is_written_is_what_is_read() -> None:
    body = (
        "mov ecx, 0xc0000102; mov eax, 0x55667788; mov edx, 0x1122; wrmsr; mov eax, 0; rdmsr; hlt"
    )
    with guest(body) as machine:
        machine.run()
        assert (machine["rax"], machine["rdx"]) == (0x55667788, 0x1122)
        assert machine["kernel_gs_base"] == 0x1122_5566_7788


@pytest.mark.parametrize(
    "body",
    [
        far("iretq", CODE_SELECTOR),
        far(".byte 0x48, 0xcb", CODE_SELECTOR),
        far_pointer(JUMP, CODE_SELECTOR, 4),
        far_pointer(WIDE + JUMP, CODE_SELECTOR, 8),
        far_pointer(WIDE + CALL, CODE_SELECTOR, 8),
        far_pointer(WIDE + CALL, CALL_GATE, 8),
    ],
)
def test_far_transfers_that_stay(body: str) -> None:
    target = Segment(HEAP, b"\xe6\x77\xf4")
    assert stop_of(with_handlers(body), segments=[*SEGMENTS, target]) == PortWrite(0x77, 0, 1)


@pytest.mark.parametrize("selector", [0, 0x10, 0x18, 0x1000, 0x0C])
def test_far_returns_to_no_code_fault_by_themselves(selector: int) -> None:
    with guest(with_handlers(far("iretq", selector)), segments=SEGMENTS) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code) == (13, selector)


def test_a_frame_that_cannot_be_read_faults_by_itself() -> None:
    body = "mov rsp, 0x800000000; iretq"
    with guest(with_handlers(body), segments=[*tables(ist=1), *_MORE]) as machine:
        assert machine.frame(machine.run()).vector == 14


def test_counting_goes_through_all_of_it() -> None:
    body = ";".join(RUNS.values())
    code = with_handlers(f"{body}; hlt")
    with guest(code, segments=SEGMENTS) as counted, guest(code, segments=SEGMENTS) as plain:
        assert counted.engine.run_instructions(10_000) == plain.run()
        assert counted.engine.registers() == plain.engine.registers()
        assert 50 < counted.engine.instructions_retired < 200


def test_a_judged_instruction_counts_once() -> None:
    with guest("mov ecx, 0xc0000100; wrmsr; rdmsr; nop; hlt") as machine:
        stops = [machine.engine.run_instructions(n) for n in (2, 1, 5)]
        assert isinstance(stops[-1], Hlt)
        assert machine.engine.instructions_retired == 1
