from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.engines.operands import memory_operand, misses_stack
from tests.unit.replay.engines.guests import assemble

AT = 0x100000
BAD = 1 << 63


def registers(**values: int) -> Callable[[str], int]:
    return lambda name: values.get(name, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mov rax, [rbx]", 0x1000),
        ("mov rax, [rbx + 8]", 0x1008),
        ("mov rax, [rbx - 8]", 0xFF8),
        ("mov rax, [rbx + rcx*4 + 0x10]", 0x1000 + 4 * 0x20 + 0x10),
        ("mov [rbx], al", 0x1000),
        ("mov eax, [ebx]", 0x1000),
        ("mov rax, fs:[rbx]", 0x5000 + 0x1000),
        ("mov rax, gs:[8]", 0x7008),
        ("mov rax, [r8 - 1]", (1 << 64) - 1),
        ("mov rax, [r8d - 1]", (1 << 32) - 1),
        ("push [rbx + 1]", 0x1001),
    ],
)
def test_addresses(text: str, expected: int) -> None:
    known = registers(rbx=0x1000, rcx=0x20, fs_base=0x5000, gs_base=0x7000)
    assert memory_operand(assemble(text), AT, known) == expected


def test_relative_to_rip() -> None:
    code = assemble("mov rax, [rip + 0x10]")
    assert memory_operand(code, AT, registers()) == AT + len(code) + 0x10


@pytest.mark.parametrize("code", [b"\x90", b"\x48\x01\xd8", b"", b"\x06"])
def test_no_operand_in_memory(code: bytes) -> None:
    assert memory_operand(code, AT, registers()) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("push rax", {"rsp": BAD}),
        ("push rax", {"rsp": 0xFFFF_8000_0000_0000}),
        ("pop rax", {"rsp": BAD}),
        ("ret", {"rsp": BAD}),
        ("call .", {"rsp": BAD}),
        ("leave", {"rbp": BAD}),
        ("mov rax, [rsp + 8]", {"rsp": BAD}),
        ("mov [rbp - 8], rax", {"rbp": BAD}),
        ("mov rax, [rbp + rcx]", {"rcx": BAD}),
    ],
)
def test_the_stack_is_missed(text: str, known: dict[str, int]) -> None:
    assert misses_stack(assemble(text), AT, registers(**known))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("push rax", {"rsp": 0x1000}),
        ("push [rbx]", {"rbx": BAD, "rsp": 0x1000}),
        ("mov rax, [rbx]", {"rbx": BAD}),
        ("mov rax, fs:[rbp]", {"rbp": BAD}),
        ("popcnt rax, [rbx]", {"rbx": BAD, "rsp": BAD}),
        ("nop", {"rsp": BAD}),
        (".byte 0x06", {"rsp": BAD}),
    ],
)
def test_it_is_not_the_stack(text: str, known: dict[str, int]) -> None:
    assert not misses_stack(assemble(text), AT, registers(**known))
