"""The compiled test that spares most blocks a look (_opcodes.h), against Capstone and sites.py."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from pathlib import Path

import capstone
import pytest

import replay.engines.unicorn
from replay.engines.sites import find_sites, site_at

MayHoldSite = Callable[[bytes, int, int], bool]

PREFIXES = [
    bytes.fromhex(text)
    for text in ("", "66", "67", "f2", "f3", "f0", "64", "48", "41", "6648", "6766", "f348")
]
OPCODES = [
    escape + bytes([opcode])
    for escape in (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
    for opcode in range(256)
]
LONGEST = 15

PLAIN = {
    "sub rsp, 8": "4883ec08",
    "mov rbp, rsp": "4889e5",
    "mov rdi, rbp": "4889ef",
    "mov r12d, 0xf4c5ee62": "41bc62eec5f4",
    "movabs rax, 0x310fa20ff4f4eeec": "48b8eceef4f40fa20f31",
    "mov qword ptr [rax + rbx*8 + 0x0f31], 0x62": "48c784d8310f000062000000",
    "movzx eax, byte ptr [rip + 0xf4]": "0fb605f4000000",
    "test byte ptr [rsp + 0x6c], 0x62": "f644246c62",
    "test dword ptr [rbp], 0x0f31": "f74500310f0000",
    "not qword ptr [rbp - 0x3c]": "48f755c4",
    "call qword ptr [rip + 0xec]": "ff15ec000000",
    "jmp qword ptr [rax*8 + 0xe4]": "ff24c5e4000000",
    "pshufd xmm0, xmm1, 0xe5": "660f70c1e5",
    "aesenc xmm1, xmm4": "660f38dccc",
    "pinsrq xmm0, rax, 0xc4": "66480f3a22c0c4",
    "lfence": "0faee8",
    "stmxcsr [rsp]": "0fae1c24",
    "lock cmpxchg16b [rdi]": "f0480fc70f",
    "rep stosq": "f348ab",
    "endbr64": "f30f1efa",
    "lods via moffs": "48a1e4e5ecedeeeff462",
    "nop of 9 bytes": "660f1f840000000000",
    "jae +0x62": "7362",
    "ret": "c3",
}


@pytest.fixture(scope="module")
def may_hold_site() -> MayHoldSite:
    folder = Path(replay.engines.unicorn.__file__).parent
    libraries = sorted(folder.glob("_hooks.*.so"))
    if not libraries:
        pytest.skip("the callbacks are not compiled here: only the Python ones are used")
    function = ctypes.CDLL(str(libraries[0])).s5_may_hold_site
    function.argtypes = (ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64)
    function.restype = ctypes.c_bool
    return function


@pytest.mark.parametrize("code", PLAIN.values(), ids=PLAIN)
def test_plain_instructions_are_spared_whatever_bytes_they_hold(
    may_hold_site: MayHoldSite, code: str
) -> None:
    instruction = bytes.fromhex(code)
    assert not may_hold_site(instruction, len(instruction), 1)


@pytest.mark.parametrize("code", PLAIN.values(), ids=PLAIN)
def test_a_site_behind_a_plain_instruction_is_seen(may_hold_site: MayHoldSite, code: str) -> None:
    for site in ("f4", "0f31", "0fa2", "ef", "c5fc77"):
        block = bytes.fromhex(code + site)
        assert may_hold_site(block, len(block), 2)


@pytest.mark.parametrize("code", PLAIN.values(), ids=PLAIN)
def test_a_block_that_its_translator_saw_otherwise_is_suspicious(
    may_hold_site: MayHoldSite, code: str
) -> None:
    block = bytes.fromhex(code) * 2
    assert not may_hold_site(block, len(block), 0)
    assert may_hold_site(block, len(block), 1)
    assert may_hold_site(block, len(block), 3)
    if len(block) > 2:
        cut = block[:-1]
        assert may_hold_site(cut, len(cut), 2)


def test_a_rex_prefix_before_another_prefix_is_suspicious(may_hold_site: MayHoldSite) -> None:
    assert not may_hold_site(bytes.fromhex("664889c8"), 4, 1)
    assert may_hold_site(bytes.fromhex("486689c8"), 4, 1)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", PREFIXES, ids=bytes.hex)
def test_only_plain_instructions_are_spared_and_at_their_true_length(
    may_hold_site: MayHoldSite, prefix: bytes
) -> None:
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    draw = random.Random(1)
    spared = 0
    for opcode in OPCODES:
        for modrm in draw.sample(range(256), 16):
            behind = bytes((modrm, draw.choice((0x25, 0x24, 0x85, 0x00)))) + draw.randbytes(13)
            code = (prefix + opcode + behind)[:LONGEST]
            decoded = next(disassembler.disasm_lite(code, 0, 1), None)
            lengths = [n for n in range(1, LONGEST + 1) if not may_hold_site(code, n, 1)]
            if lengths:
                assert site_at(code, 0) is None, code.hex()
                spared += 1
            if decoded is not None:
                assert lengths in ([], [decoded[1]]), (code.hex(), decoded)
    assert spared > 1000


def test_random_bytes_that_hold_a_site_are_never_spared(may_hold_site: MayHoldSite) -> None:
    draw = random.Random(2)
    spared = 0
    for _ in range(20_000):
        code = draw.randbytes(draw.randrange(1, 24))
        if not may_hold_site(code, len(code), 0):
            spared += 1
            assert not find_sites(code, 0), code.hex()
    assert spared > 1000
