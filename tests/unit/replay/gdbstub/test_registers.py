"""Registers as clients number and lay them out."""

from __future__ import annotations

from replay.gdbstub.registers import (
    REGISTERS,
    changed_registers,
    number_of,
    register_bytes,
    register_text,
    split_registers,
)


def test_the_numbers_are_those_of_gdb() -> None:
    known = {"rax": 0, "rip": 16, "eflags": 17, "gs": 23, "st0": 24, "fctrl": 32, "fop": 39}
    known |= {"xmm0": 40, "mxcsr": 56, "fs_base": 57, "gs_base": 58, "cr0": 59, "efer": 64}
    assert {name: number_of(name) for name in known} == known
    assert len({register.name for register in REGISTERS}) == len(REGISTERS) == 65


def test_values_have_the_size_that_is_described() -> None:
    st0, eflags = REGISTERS[number_of("st0")], REGISTERS[number_of("eflags")]
    assert register_bytes(st0, {"st0": 0x4000C000000000000000}) == bytes(7) + b"\xc0\x00\x40"
    assert register_bytes(eflags, {"rflags": 1 << 40 | 2}) == b"\2\0\0\0"
    assert register_bytes(eflags, {}) is None
    assert register_text(eflags, {}) == "xxxxxxxx"
    assert register_bytes(REGISTERS[number_of("fiseg")], {}) == bytes(4)


def test_only_what_differs_is_a_change() -> None:
    values = {"rax": 5, "rbx": 6}
    given = {0: (5).to_bytes(8, "little"), 1: (7).to_bytes(8, "little"), 2: bytes(8)}
    assert changed_registers(given, values) == {"rbx": 7}


def test_all_registers_are_split_as_they_are_joined() -> None:
    data = bytes(range(256)) * 3
    parts = dict(split_registers(data[: sum(each.size for each in REGISTERS)]))
    assert list(parts) == list(range(len(REGISTERS)))
    assert b"".join(parts.values()) == data[: sum(each.size for each in REGISTERS)]
    assert dict(split_registers(data[:15])) == {0: data[:8]}
