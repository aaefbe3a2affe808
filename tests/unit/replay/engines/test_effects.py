from __future__ import annotations

import pytest

from replay.engines.effects import (
    Immediate,
    MemoryOperand,
    Part,
    RegisterOperand,
    instruction_at,
    part_of,
)

AT = 0x1000


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rax", Part("rax", 0, 8)),
        ("eax", Part("rax", 0, 4)),
        ("ax", Part("rax", 0, 2)),
        ("al", Part("rax", 0, 1)),
        ("ah", Part("rax", 1, 2)),
        ("bh", Part("rbx", 1, 2)),
        ("sil", Part("rsi", 0, 1)),
        ("esp", Part("rsp", 0, 4)),
        ("bp", Part("rbp", 0, 2)),
        ("r8", Part("r8", 0, 8)),
        ("r10d", Part("r10", 0, 4)),
        ("r9w", Part("r9", 0, 2)),
        ("r15b", Part("r15", 0, 1)),
        ("xmm11", Part("xmm11", 0, 16)),
        ("rflags", Part("rflags", 0, 8)),
        ("fpsw", None),
        ("cr3", None),
        ("fs", None),
    ],
)
def test_names_of_registers(name: str, part: Part | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("4889d8", {"rax": (0, 8)}),  # mov %rbx,%rax
        ("89d8", {"rax": (0, 8)}),  # mov %ebx,%eax clears the upper half
        ("6689d8", {"rax": (0, 2)}),
        ("b401", {"rax": (1, 2)}),
        ("488907", {}),  # to memory
        ("0f05", {"rax": (0, 8), "rcx": (0, 8), "r11": (0, 8)}),
        ("0f31", {"rax": (0, 8), "rdx": (0, 8)}),
        ("0f01f9", {"rax": (0, 8), "rdx": (0, 8), "rcx": (0, 8)}),
        ("0fa2", {"rax": (0, 8), "rbx": (0, 8), "rcx": (0, 8), "rdx": (0, 8)}),
        ("f3a4", {"rdi": (0, 8), "rsi": (0, 8), "rcx": (0, 8)}),
        ("5b", {"rsp": (0, 8), "rbx": (0, 8)}),
        ("c9", {"rsp": (0, 8), "rbp": (0, 8)}),
        ("c8100000", {"rsp": (0, 8), "rbp": (0, 8)}),
        ("480fb1d1", {"rax": (0, 8), "rcx": (0, 8)}),  # cmpxchg %rdx,%rcx
        ("660fefc0", {"xmm0": (0, 16)}),
    ],
)
def test_written_registers(code: str, written: dict[str, tuple[int, int]]) -> None:
    instruction = instruction_at(bytes.fromhex(code), AT)
    assert instruction is not None
    found = {part.register: part[1:] for part in instruction.writes if part.register != "rflags"}
    assert found == written


def test_what_a_part_of_a_register_is_changed_by() -> None:
    instruction = instruction_at(bytes.fromhex("b401"), AT)  # mov $1,%ah
    assert instruction is not None
    assert instruction.changes(Part("rax", 0, 8))
    assert not instruction.changes(Part("rax", 0, 1))
    assert not instruction.changes(Part("rbx", 0, 8))


def test_operands() -> None:
    instruction = instruction_at(bytes.fromhex("488b44d908"), AT)  # mov 8(%rcx,%rbx,8),%rax
    assert instruction is not None
    target, source = instruction.operands
    assert target == RegisterOperand(Part("rax", 0, 8), is_read=False, is_written=True)
    assert isinstance(source, MemoryOperand)
    assert source.address({"rcx": 0x100, "rbx": 3}) == 0x100 + 24 + 8
    assert source.registers == ("rcx", "rbx")
    assert source.size == 8
    constant = instruction_at(bytes.fromhex("c70705000000"), AT)
    assert constant is not None
    assert constant.operands[1] == Immediate(5)


@pytest.mark.parametrize(
    ("code", "registers", "address"),
    [
        ("488b0510000000", {}, AT + 7 + 0x10),  # 16(%rip)
        ("488b43f8", {"rbx": 0}, (1 << 64) - 8),
        ("67488b43f8", {"rbx": 0}, (1 << 32) - 8),
        ("64488b042528000000", {"fs_base": 0x5000}, 0x5028),
        ("65488b03", {"gs_base": 0x7000, "rbx": 1}, 0x7001),
    ],
)
def test_addresses_of_operands(code: str, registers: dict[str, int], address: int) -> None:
    instruction = instruction_at(bytes.fromhex(code), AT)
    assert instruction is not None
    assert isinstance(instruction.operands[1], MemoryOperand)
    assert instruction.operands[1].address(registers) == address


def test_kinds_of_instructions() -> None:
    kinds = {}
    codes = {"f3a4": "copy", "e800000000": "call", "7402": "jump", "c3": "return", "90": "none"}
    for code, name in codes.items():
        instruction = instruction_at(bytes.fromhex(code), AT)
        assert instruction is not None
        kinds[name] = (instruction.is_string, instruction.is_repeated, instruction.leaves)
    assert kinds["copy"] == (True, True, False)
    assert kinds["call"] == kinds["jump"] == kinds["return"] == (False, False, True)
    assert kinds["none"] == (False, False, False)
    scalar = instruction_at(bytes.fromhex("f20f1006"), AT)  # movsd (%rsi),%xmm0
    assert scalar is not None
    assert scalar.mnemonic == "movsd"
    assert not scalar.is_string


def test_what_is_no_instruction() -> None:
    assert instruction_at(b"", AT) is None
    assert instruction_at(b"\x06", AT) is None
