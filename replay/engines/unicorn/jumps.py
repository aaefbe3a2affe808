"""Instructions that may be followed by themselves with nothing changed: jumps."""

from __future__ import annotations

import re

# Prefixes, then jcc, loop, jrcxz, jmp, iret, or jmp through a register or memory.
_JUMP = re.compile(
    rb"[\x26\x2e\x36\x3e\x40-\x4f\x64-\x67\xf0\xf2\xf3]*"
    rb"(?:[\x70-\x7f\xe0-\xe3\xe9\xeb\xcf]|\x0f[\x80-\x8f]"
    rb"|\xff[\x20-\x2f\x60-\x6f\xa0-\xaf\xe0-\xef])"
)


def is_jump(code: bytes) -> bool:
    """Whether the instruction at the start of ``code`` can go to itself and leave RCX and RSP as
    they were (``is_jump`` of _hooks.c)."""
    return _JUMP.match(code) is not None
