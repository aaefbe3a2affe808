from __future__ import annotations

import pytest

from replay.engines.kvm.mmio import writer_before

BASE = 0x100000
PLACE = 0x200000


@pytest.mark.parametrize(
    "code",
    ["488901", "8801", "480101", "66c7010100", "c70101000000", "f0480fb101", "4889441910"],
)
def test_the_instruction_that_wrote(code: str) -> None:
    found = _before(bytes.fromhex("90 ffc0" + code))
    assert found == BASE + 3


def test_prefixes_belong_to_it() -> None:
    assert _before(bytes.fromhex("90 66 4489 01".replace(" ", ""))) in (BASE + 1, BASE + 2)
    assert _before(bytes.fromhex("90 f0 480101")) == BASE + 1


def test_a_place_that_nothing_before_writes() -> None:
    code = bytes.fromhex("9090")
    assert _before(code) == BASE + len(code)


def _before(code: bytes) -> int:
    registers = {"rcx": PLACE, "rbx": -0x10 & (1 << 64) - 1}
    memory = (b"\x90" * 32) + code

    def fetch(address: int, size: int) -> bytes:
        at = address - BASE + 32
        return memory[at : at + size]

    return writer_before(BASE + len(code), PLACE, fetch, lambda n: registers.get(n, 0), lambda a: a)
