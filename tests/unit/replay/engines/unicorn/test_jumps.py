from __future__ import annotations

import pytest

from replay.engines.unicorn import callbacks
from replay.engines.unicorn.jumps import is_jump
from tests.unit.replay.engines.guests import assemble, is_compiled

JUMPS = [
    *("1: jmp 1b", "1: jne 1b", "1: loop 1b", "1: jrcxz 1b", "jmp rax", "jmp r9", "jmp [rbx]"),
    *(
        "jmp [rsp + 8]",
        "jmp fs:[rax + 0x1000]",
        "rex.W jmp [rax]",
        "iretq",
        ".byte 0x0f,0x84,0,0,0,0",
    ),
    "jmp . + 0x1000",
]
NO_JUMP = [
    "call rax",
    "ret",
    "mov [rdi], al",
    "rep movsb",
    "push [rax]",
    "inc dword ptr [rax]",
    "call [rax]",
    "lock add [rax], rbx",
    "fxsave [rdi]",
    "stosq",
]


@pytest.mark.parametrize("text", JUMPS)
def test_jumps(text: str) -> None:
    assert is_jump(assemble(text))


@pytest.mark.parametrize("text", NO_JUMP)
def test_other_instructions(text: str) -> None:
    assert not is_jump(assemble(text))


@pytest.mark.skipif(not is_compiled(), reason="the compiled callbacks are not built or kept out")
def test_both_languages_agree_on_all_beginnings() -> None:
    library = callbacks._compiled_library()
    assert library is not None
    for first in range(256):
        for second in range(256):
            for prefix in (b"", b"\x66", b"\xf3\x48", b"\x0f"):
                code = prefix + bytes((first, second, 0, 0))
                assert library.s5_is_jump(code, len(code)) & 1 == is_jump(code), code.hex()
