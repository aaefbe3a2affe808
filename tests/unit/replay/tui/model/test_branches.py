from __future__ import annotations

import pytest

from replay.tui.model.branches import is_taken

CF, PF, ZF, SF, OF = 1, 4, 0x40, 0x80, 0x800


@pytest.mark.parametrize(
    ("mnemonic", "flags"),
    [
        ("je", ZF),
        ("jne", 0),
        ("jb", CF),
        ("jae", ZF),
        ("jbe", ZF),
        ("ja", SF),
        ("js", SF),
        ("jns", CF),
        ("jo", OF),
        ("jno", SF),
        ("jp", PF),
        ("jnp", ZF),
        ("jl", SF),
        ("jge", SF | OF),
        ("jle", ZF),
        ("jg", SF | OF),
        ("bnd je", ZF),
    ],
)
def test_branches_by_flags(mnemonic: str, flags: int) -> None:
    registers = {"rflags": flags, "rcx": 0}
    assert is_taken(mnemonic, registers) is True


@pytest.mark.parametrize(("mnemonic", "flags"), [("jl", SF | OF), ("jg", OF), ("jbe", SF)])
def test_branches_not_taken(mnemonic: str, flags: int) -> None:
    assert is_taken(mnemonic, {"rflags": flags, "rcx": 0}) is False


def test_branches_by_a_counter() -> None:
    assert is_taken("jrcxz", {"rflags": 0, "rcx": 0}) is True
    assert is_taken("jrcxz", {"rflags": 0, "rcx": 1 << 32}) is False
    assert is_taken("jecxz", {"rflags": 0, "rcx": 1 << 32}) is True


@pytest.mark.parametrize("mnemonic", ["jmp", "call", "mov", "sete", "", "j"])
def test_others_are_no_conditional_branches(mnemonic: str) -> None:
    assert is_taken(mnemonic, {"rflags": ZF, "rcx": 0}) is None
