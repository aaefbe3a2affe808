"""Selectors, descriptors and far transfers."""

from __future__ import annotations

import pytest

from replay.engines.errors import NotReproducible
from tests.unit.replay.engines.guests import GDT, HEAP, offset_of, with_handlers
from tests.unit.replay.engines.native.machines import native

EFFECTS = {
    "null into ds": ("xor eax, eax; mov ds, eax", {"ds": 0}),
    "data into fs": ("mov eax, 0x10; mov fs, eax; mov ebx, fs", {"fs": 0x10, "rbx": 0x10}),
    "push and pop": ("push fs; pop rax; push 0x10; pop gs", {"rax": 0x10, "gs": 0x10}),
    "lfs": ("mov rax, 0x1000000005; push rax; lfs eax, [rsp]", {"rax": 5, "fs": 0x10}),
    "lar": ("mov ecx, 8; lar eax, ecx", {"rax": 0xA09900}),
    "lsl": ("mov ecx, 0x10; lsl eax, ecx", {"rax": 0xFFFFFFFF}),
    "retfq": ("lea rax, [rip + 5]; push 8; push rax; retfq", {"cs": 8}),
    "iretq": (
        "mov rbx, rsp; push 0x10; push rbx; push 0x202; push 8; "
        "lea rax, [rip + 3]; push rax; iretq",
        {"cs": 8, "ss": 0x10, "rflags": 0x202},
    ),
    "busy task": (f"mov rax, [{GDT} + 0x18]; shr rax, 40; and eax, 0xff", {"rax": 0x8B}),
}


@pytest.mark.parametrize(("body", "expected"), EFFECTS.values(), ids=list(EFFECTS))
def test_effects(body: str, expected: dict[str, int]) -> None:
    with native(with_handlers(f"{body}; hlt")) as guest:
        stop = guest.run()
        assert guest["rip"] == offset_of(body) + 1, stop
        registers = guest.engine.registers()
        assert {name: registers[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("body", "vector", "code"),
    [
        ("mov eax, 0x30; mov ds, eax", 13, 0x30),
        ("mov eax, 8; mov ss, eax", 13, 8),
        ("mov eax, 0x18; mov ds, eax", 13, 0x18),
        ("push 0; push 0; retfq", 13, 0),
        ("push 0x10; push 0; retfq", 13, 0x10),
        ("mov eax, 8; ltr ax", 13, 8),
    ],
)
def test_faults(body: str, vector: int, code: int) -> None:
    with native(with_handlers(body)) as guest:
        frame = guest.frame(guest.run())
        assert (frame.vector, frame.error_code) == (vector, code)


@pytest.mark.parametrize("body", ["push 0xb; push 0; retfq", f"mov eax, {HEAP}; retf"])
def test_leaving_64_bit_mode_is_refused(body: str) -> None:
    with native(with_handlers(body)) as guest, pytest.raises(NotReproducible):
        guest.run()
