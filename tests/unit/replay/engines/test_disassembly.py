"""Both ways to Capstone give the same instructions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.engines import disassembly
from replay.engines.disassembly import Syntax, decoder

_by_package = disassembly._package_decoder()
CODE = bytes.fromhex("f3480fb8c1 0f05 e800000000 62f17c4858c1 660f38f6c1 c3 ffff".replace(" ", ""))
TOP = 0xFFFF_FFFF_FFFF_F000


@pytest.fixture(scope="module")
def library() -> Path:
    found = disassembly._library()
    if found is None:
        pytest.skip("this Capstone has its library elsewhere")
    return found


@given(st.binary(max_size=64), st.integers(0, TOP), st.integers(0, 3))
def test_any_bytes_are_decoded_alike(code: bytes, address: int, count: int) -> None:
    assert decoder()(code, address, count) == _by_package(code, address, count)


def test_instructions_are_decoded_up_to_the_first_that_is_none(library: Path) -> None:
    decoded = disassembly._LibraryDecoder(library).decode(CODE, 0x1000, 0)
    assert decoded[1] == (0x1005, 2, "syscall", "")
    assert decoded[-1] == (0x1017, 1, "ret", "")
    assert disassembly._LibraryDecoder(library).decode(CODE, 0x1000, 2) == decoded[:2]
    assert disassembly._LibraryDecoder(library).decode(b"\x06", 0, 0) == []


def test_another_version_of_the_library_is_left_to_the_package(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disassembly, "_MAJOR_VERSION", 4)
    with pytest.raises(OSError, match="version 5"):
        disassembly._LibraryDecoder(library)
    chosen = decoder.__wrapped__()
    assert chosen(CODE, 0, 0) == _by_package(CODE, 0, 0)


def test_a_library_named_by_the_environment_is_left_to_the_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIBCAPSTONE_PATH", "/nowhere")
    assert disassembly._library() is None


@pytest.mark.usefixtures("library")
def test_looking_for_sites_does_not_load_the_package() -> None:
    code = (
        "import sys\n"
        "from replay.engines.sites import find_sites\n"
        "assert find_sites(bytes.fromhex('0fa2'), 0)\n"
        "assert 'capstone' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@given(st.binary(max_size=64), st.integers(0, TOP))
def test_both_ways_write_the_other_syntax_alike(code: bytes, address: int) -> None:
    by_package = disassembly._package_decoder(Syntax.ATT)
    assert decoder(Syntax.ATT)(code, address, 0) == by_package(code, address, 0)


def test_each_syntax_is_its_own() -> None:
    code = bytes.fromhex("4889e5")
    assert decoder(Syntax.INTEL)(code, 0, 0) == [(0, 3, "mov", "rbp, rsp")]
    assert decoder(Syntax.ATT)(code, 0, 0) == [(0, 3, "movq", "%rsp, %rbp")]
