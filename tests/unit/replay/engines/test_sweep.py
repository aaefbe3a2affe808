"""Sites of whole regions: all in code, none in data."""

from __future__ import annotations

from replay.engines.sweep import sweep
from tests.unit.replay.engines.guests import assemble

AT = 0x100000
TEXT = b"hello solo5, a banana boat: \x62\x61\x9c"


def sites(code: bytes, *starts: int) -> list[int]:
    return [site.address - AT for site in sweep(code, AT, starts or (AT,))]


def test_code_is_swept_to_its_end() -> None:
    assert sites(assemble("rdtsc; jmp rax; cpuid; ret; pushfq; ret")) == [0, 4, 7]


def test_constants_behind_code_are_left_alone() -> None:
    code = assemble("rdtsc; ret")
    assert sites(code + TEXT + bytes(64) + b"\x0f\x31") == [0]


def test_code_that_ends_in_a_call_which_never_returns() -> None:
    code = assemble("call rax; rdtsc; call rax")
    assert sites(code + TEXT) == [2]


def test_code_behind_constants_is_found_by_its_calls() -> None:
    call = b"\xe8" + (1 + len(TEXT)).to_bytes(4, "little") + b"\xc3"
    assert sites(call + TEXT + assemble("rdtsc; ret")) == [6 + len(TEXT)]


def test_an_instruction_that_lies_across_a_start() -> None:
    code = b"\x48\xb8" + assemble("rdtsc; ret")
    assert sites(code, AT + 2) == [2]


def test_more_than_fits_a_chunk() -> None:
    far = (1 << 16) + 3
    assert sites(b"\x90" * far + assemble("rdtsc; ret")) == [far]
