"""The x87 and SSE state as FXSAVE and XSAVE lay it out (Intel SDM volume 1, tables 10-2 and 13-1).

Engines report the tag word with two bits a register; the layout keeps one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

FXSAVE_BYTES = 512
STACK = tuple(f"st{number}" for number in range(8))
XMM = tuple(f"xmm{number}" for number in range(16))
FLOATING = frozenset(("fcw", "fsw", "ftw", "mxcsr", *STACK, *XMM))
"""The names of all that is in it."""

AFTER_RESET: Mapping[str, int] = {
    **dict.fromkeys((*STACK, *XMM), 0),
    "fcw": 0x37F,
    "fsw": 0,
    "ftw": 0xFFFF,
    "mxcsr": 0x1F80,
}

_HEAD = struct.Struct("<HHBxHQQII")  # FCW FSW FTW(abridged) FOP FIP FDP MXCSR MXCSR_MASK
_STACK_AT, _XMM_AT = 32, 160
_EMPTY = 3


def unpack_fxsave(area: bytes | bytearray) -> dict[str, int]:
    """The registers in the first 512 bytes of ``area``."""
    fcw, fsw, valid, _fop, _fip, _fdp, mxcsr, _mask = _HEAD.unpack_from(area)
    values = {"fcw": fcw, "fsw": fsw, "mxcsr": mxcsr}
    for number, name in enumerate(STACK):
        at = _STACK_AT + 16 * number
        values[name] = int.from_bytes(area[at : at + 10], "little")
    for number, name in enumerate(XMM):
        at = _XMM_AT + 16 * number
        values[name] = int.from_bytes(area[at : at + 16], "little")
    values["ftw"] = _full_tags(valid, fsw >> 11 & 7, values)
    return values


def pack_fxsave(values: Mapping[str, int]) -> bytes:
    """512 bytes with all of ``FLOATING``; instruction and data pointers are zero."""
    tags = values["ftw"]
    valid = sum(1 << number for number in range(8) if tags >> 2 * number & 3 != _EMPTY)
    head = _HEAD.pack(values["fcw"], values["fsw"], valid, 0, 0, 0, values["mxcsr"], 0)
    stack = b"".join(values[name].to_bytes(16, "little") for name in STACK)
    xmm = b"".join(values[name].to_bytes(16, "little") for name in XMM)
    return (head + stack + xmm).ljust(FXSAVE_BYTES, b"\0")


def _full_tags(valid: int, top: int, values: Mapping[str, int]) -> int:
    """Two bits a physical register: SDM volume 1, 8.1.7."""
    tags = 0
    for number in range(8):
        tag = _EMPTY
        if valid >> number & 1:
            tag = _tag(values[f"st{(number - top) & 7}"])
        tags |= tag << 2 * number
    return tags


def _tag(value: int) -> int:
    exponent, mantissa = value >> 64 & 0x7FFF, value & (1 << 64) - 1
    if not exponent and not mantissa:
        return 1
    return 2 if exponent in (0, 0x7FFF) or not mantissa >> 63 else 0
