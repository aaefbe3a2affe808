from __future__ import annotations

import random

import pytest

from monitors.ports import TrapKind
from replay.engines.sites import (
    SiteKind,
    block_sites,
    find_sites,
    may_hold_site,
    site_at,
    whole_register,
)

AT = 0x100000

KINDS = {
    "0f31": SiteKind.TRAP,
    "660f31": SiteKind.TRAP,
    "0f01f9": SiteKind.TRAP,
    "0fa2": SiteKind.TRAP,
    "0fc7f0": SiteKind.TRAP,
    "480fc7f8": SiteKind.TRAP,
    "e701": SiteKind.OUT,
    "66ef": SiteKind.OUT,
    "6e": SiteKind.OUT,
    "f36f": SiteKind.OUT,
    "e401": SiteKind.IN,
    "ed": SiteKind.IN,
    "6c": SiteKind.IN,
    "f4": SiteKind.HLT,
    "f3f4": SiteKind.HLT,
    "0f32": SiteKind.RDMSR,
    "0f33": SiteKind.REFUSE,
    "c5fc77": SiteKind.REFUSE,
    "c4e278f2c0": SiteKind.REFUSE,
    "62f17c4858c0": SiteKind.REFUSE,
    "0f30": SiteKind.CONTROL,
    "48cf": SiteKind.CONTROL,
    "cf": SiteKind.CONTROL,
    "cb": SiteKind.CONTROL,
    "48ca0800": SiteKind.CONTROL,
    "ff18": SiteKind.CONTROL,
    "48ff2c24": SiteKind.CONTROL,
    "0f05": SiteKind.CONTROL,
    "480f07": SiteKind.CONTROL,
    "0f34": SiteKind.CONTROL,
    "0f35": SiteKind.CONTROL,
    "0f22c0": SiteKind.CONTROL,
    "0f22d8": SiteKind.CONTROL,
    "440f22c0": SiteKind.CONTROL,
    "0f23f8": SiteKind.CONTROL,
    "0fae1424": SiteKind.CONTROL,
    "480fae08": SiteKind.CONTROL,
    "0f01c8": SiteKind.INVALID,
    "0f01c9": SiteKind.INVALID,
    "f00f31": SiteKind.INVALID,
    "f0f4": SiteKind.INVALID,
    "f00fa2": SiteKind.INVALID,
    "f390": SiteKind.PAUSE,
}

HARMLESS = {
    "mov r12d, 0xf4c562": "41bc62c5f400",
    "lahf-like bytes as an immediate": "b80f31a2f4",
    "call near through memory": "ff1425000000f4",
    "jmp near through memory": "ff242500000000",
    "mfence": "0faef0",
    "stmxcsr": "0fae1c24",
    "fxsave": "0fae00",
    "mov from cr0": "0f20c0",
    "mov from dr7": "0f21f8",
    "nop": "90",
    "xchg r8, rax with a repeat prefix": "f34190",
    "cmpxchg16b": "480fc708",
    "sgdt": "0f0100",
}


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_kinds(code: str, kind: SiteKind) -> None:
    found = site_at(bytes.fromhex(code), AT)
    assert found is not None
    assert (found.kind, found.address, found.length) == (kind, AT, len(code) // 2)
    assert may_hold_site(bytes.fromhex(code))


@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_like_a_site(code: str) -> None:
    data = bytes.fromhex(code)
    assert site_at(data, AT) is None
    assert find_sites(data, AT) == []


@pytest.mark.parametrize(
    ("code", "port", "size"),
    [
        ("e640", 0x40, 1),
        ("66e740", 0x40, 2),
        ("e740", 0x40, 4),
        ("ee", None, 1),
        ("66ef", None, 2),
        ("ef", None, 4),
        ("48ef", None, 4),
        ("e4ff", 0xFF, 1),
        ("66ed", None, 2),
        ("e5ff", 0xFF, 4),
        ("6e", None, 1),
        ("666f", None, 2),
        ("f36d", None, 4),
    ],
)
def test_ports_and_widths(code: str, port: int | None, size: int) -> None:
    found = site_at(bytes.fromhex(code), AT)
    assert found is not None
    assert (found.port, found.size) == (port, size)


REGISTERS = [
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *(f"r{number}" for number in range(8, 16)),
]


@pytest.mark.parametrize("kind", [TrapKind.RDRAND, TrapKind.RDSEED])
@pytest.mark.parametrize("number", range(16))
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_every_form_of_the_random_instructions(kind: TrapKind, number: int, bits: int) -> None:
    rex = (8 if bits == 64 else 0) | (1 if number > 7 else 0)
    modrm = (0xF0 if kind is TrapKind.RDRAND else 0xF8) | number & 7
    prefix = b"\x66" if bits == 16 else b""
    code = prefix + (bytes([0x40 | rex]) if rex else b"") + bytes([0x0F, 0xC7, modrm])
    found = site_at(code, AT)
    assert found is not None
    assert (found.trap, found.register, found.bits) == (kind, REGISTERS[number], bits)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rax", ("rax", 64)),
        ("eax", ("rax", 32)),
        ("ax", ("rax", 16)),
        ("di", ("rdi", 16)),
        ("esp", ("rsp", 32)),
        ("r8", ("r8", 64)),
        ("r9d", ("r9", 32)),
        ("r15w", ("r15", 16)),
    ],
)
def test_whole_register(name: str, expected: tuple[str, int]) -> None:
    assert whole_register(name) == expected


def test_find_sites_decodes_from_instruction_to_instruction() -> None:
    code = bytes.fromhex("b80f31a2f40f3190f4")
    assert [(s.address - AT, s.text) for s in find_sites(code, AT)] == [(5, "rdtsc"), (8, "hlt")]


class TestBlocks:
    def test_a_block_both_decoders_agree_on_has_its_instructions_sites(self) -> None:
        code = bytes.fromhex("b80f31a2f40f31")
        assert [s.address - AT for s in block_sites(code, AT, 2)] == [5]
        assert [s.address - AT for s in block_sites(code, AT)] == [5]

    def test_another_count_makes_every_byte_a_start(self) -> None:
        code = bytes.fromhex("b80f31a2f40f31")
        assert [s.address - AT for s in block_sites(code, AT, 3)] == [1, 4, 5]

    def test_code_that_cannot_be_decoded_hides_nothing_behind_it(self) -> None:
        code = bytes.fromhex("f0660f3a0f00000f31")
        assert [s.text for s in block_sites(code, AT, 2)] == ["rdtsc"]

    def test_an_instruction_cut_by_the_end_of_the_block(self) -> None:
        assert [s.address - AT for s in block_sites(bytes.fromhex("f448b80f"), AT, 1)] == [0]

    def test_prefixes_are_tried_from_each_of_their_bytes(self) -> None:
        found = block_sites(bytes.fromhex("66660f31"), AT, 7)
        assert [s.address - AT for s in found] == [0, 1, 2]


def test_undecodable_vector_code_is_refused() -> None:
    found = site_at(bytes.fromhex("c5") + bytes(14), AT)
    assert found is not None
    assert found.kind is SiteKind.REFUSE


def test_the_quick_test_has_no_false_negatives() -> None:
    randomness = random.Random(1)
    for _ in range(3000):
        code = randomness.randbytes(randomness.randrange(1, 16))
        if site_at(code, AT) is not None:
            assert may_hold_site(code), code.hex()


def test_nothing_is_a_site() -> None:
    assert site_at(b"", AT) is None
    assert block_sites(b"", AT) == []
    assert not may_hold_site(b"")
