"""The ways out of a piece of code."""

from __future__ import annotations

import pytest

from replay.gdbstub.range_exits import Exits, exits_of

START = 0x1000


@pytest.mark.parametrize(
    ("code", "targets", "stray"),
    [
        ("9090", {0x1002}, set()),
        ("ebfe", {0x1002}, set()),  # jmp to itself
        ("7410", {0x1002, 0x1012}, set()),  # je
        ("74fe", {0x1002}, set()),
        ("e8fb0f0000", {0x1005, 0x2000}, set()),  # call
        ("e9fbefffff", {0x1005, 0}, set()),  # jmp back
        ("c3", {0x1001}, {START}),  # ret
        ("90ffe0", {0x1003}, {0x1001}),  # jmp rax
        ("ff1425000000009090", {0x1009}, {START}),  # call [0]
        ("f2c3", {0x1002}, {START}),  # ret with a prefix
        ("e210", {0x1002, 0x1012}, set()),  # loop
        ("0f05", {0x1002}, {START}),  # syscall
        ("cd80", {0x1002}, {START}),  # int
        ("48cf", {0x1002}, {START}),  # iretq
        ("f3aa", {0x1002}, set()),  # rep stosb
        ("e7ff", {0x1002}, set()),  # out: a call of the guest's to its tender
    ],
)
def test_ways_out(code: str, targets: set[int], stray: set[int]) -> None:
    expected = Exits(frozenset(targets), frozenset(stray))
    assert exits_of(bytes.fromhex(code), START) == expected


@pytest.mark.parametrize("code", [b"\x90\xe8", b"\x06\x06", bytes(1 << 17)])
def test_what_cannot_be_told(code: bytes) -> None:
    """Half an instruction, none at all, and too many of them."""
    assert exits_of(code, START) is None
