"""Privileged instructions, executed in numbers."""

from __future__ import annotations

import pytest

from replay.engines.errors import NotReproducible
from tests.unit.replay.engines.guests import GDT, HEAP, IDT, TSS, offset_of, with_handlers
from tests.unit.replay.engines.native.machines import native

EFFECTS = {
    "lgdt, ltr": ("nop", {"gdtr_base": GDT, "gdtr_limit": 39, "tr": 0x18, "tr_base": TSS}),
    "lidt": ("nop", {"idtr_base": IDT}),
    "sidt": (f"mov edi, {HEAP}; sidt [rdi]; mov rax, [rdi + 2]", {"rax": IDT}),
    "mov cr8": ("mov eax, 5; mov cr8, rax; mov rbx, cr8", {"cr8": 5, "rbx": 5}),
    "mov cr2": ("mov eax, 5; mov cr2, rax; mov rbx, cr2", {"cr2": 5, "rbx": 5}),
    "mov dr0": ("mov eax, 5; mov dr0, rax; mov rbx, dr0", {"rbx": 5}),
    "smsw": ("smsw eax", {"rax": 0x80010021}),
    "str": ("str eax", {"rax": 0x18}),
    "wrmsr fs": ("mov ecx, 0xc0000100; mov eax, 64; xor edx, edx; wrmsr", {"fs_base": 64}),
    "rdmsr": ("mov ecx, 0xc0000080; rdmsr", {"rax": 0x500, "rdx": 0}),
    "efer keeps LMA": ("mov ecx, 0xc0000080; mov eax, 0x901; wrmsr", {"efer": 0xD01}),
    "swapgs": ("mov ecx, 0xc0000102; mov eax, 64; wrmsr; swapgs", {"gs_base": 64}),
    "popf": ("push 0x3ed7; popfq", {"rflags": 0x3ED7}),
    "bsf of nothing": ("xor ecx, ecx; mov eax, 7; tzcnt eax, ecx", {"rax": 7}),
    "no-ops": ("wbinvd; invlpg [rax]; clts; nop", {}),
}


@pytest.mark.parametrize(("body", "expected"), EFFECTS.values(), ids=list(EFFECTS))
def test_effects(body: str, expected: dict[str, int]) -> None:
    with native(with_handlers(f"{body}; hlt")) as guest:
        stop = guest.run()
        assert guest["rip"] == offset_of(body) + 1, stop
        registers = guest.engine.registers()
        assert {name: registers[name] for name in expected} == expected


@pytest.mark.parametrize(
    "body",
    [
        "mov rax, cr0; and eax, 0x7fffffff; mov cr0, rax",
        "mov eax, 0x600; mov cr4, rax",
        "mov eax, 16; mov cr8, rax",
        "mov ecx, 0x12345; wrmsr",
        "mov ecx, 0x12345; rdmsr",
        "mov ecx, 0xc0000082; mov edx, 0x80000000; wrmsr",
    ],
)
def test_general_protection(body: str) -> None:
    with native(with_handlers(body)) as guest:
        frame = guest.frame(guest.run())
        assert (frame.vector, frame.error_code) == (13, 0)


def test_hardware_breakpoints_are_refused() -> None:
    with native("mov eax, 0x401; mov dr7, rax") as guest, pytest.raises(NotReproducible):
        guest.run()
