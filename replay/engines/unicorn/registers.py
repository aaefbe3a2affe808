"""Register names of the project against Unicorn's register numbers."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

from replay.engines.errors import EngineFailure

_GENERAL = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *(f"r{number}" for number in range(8, 16)),
)
_PLAIN = {
    **{name: f"UC_X86_REG_{name.upper()}" for name in _GENERAL},
    **{name: f"UC_X86_REG_{name.upper()}" for name in ("rip", "cs", "ss", "ds", "es", "fs", "gs")},
    **{name: f"UC_X86_REG_{name.upper()}" for name in ("fs_base", "gs_base", "mxcsr")},
    **{name: f"UC_X86_REG_{name.upper()}" for name in ("cr0", "cr2", "cr3", "cr4", "cr8")},
    **{f"xmm{number}": f"UC_X86_REG_XMM{number}" for number in range(16)},
    "rflags": "UC_X86_REG_RFLAGS",
    "fcw": "UC_X86_REG_FPCW",
    "fsw": "UC_X86_REG_FPSW",
    "ftw": "UC_X86_REG_FPTAG",
}
# A processor clears it with the next instruction, Unicorn with the next block.
_RESUME_FLAG = 0x10000
UNICORN_ID: dict[str, int] = {name: getattr(x86_const, const) for name, const in _PLAIN.items()}
"""Registers that hold one plain integer."""

CR3_ID = x86_const.UC_X86_REG_CR3
_STACK = {f"st{number}": getattr(x86_const, f"UC_X86_REG_ST{number}") for number in range(8)}
_TABLES = {
    "gdtr": x86_const.UC_X86_REG_GDTR,
    "idtr": x86_const.UC_X86_REG_IDTR,
    "tr": x86_const.UC_X86_REG_TR,
}
GDTR_ID, IDTR_ID, TR_ID = _TABLES.values()
LDTR_ID = x86_const.UC_X86_REG_LDTR
_MSRS = {
    "efer": 0xC000_0080,
    "star": 0xC000_0081,
    "lstar": 0xC000_0082,
    "sfmask": 0xC000_0084,
    "kernel_gs_base": 0xC000_0102,
}
EFER = _MSRS["efer"]

_SCRATCH = 0x1000
_CODE_SELECTOR, _DATA_SELECTOR = 0x08, 0x10
# Descriptors of base 0 and limit 4 GiB: 64-bit code, which Unicorn wants readable, and data.
_FLAT_CODE = (0x00AF9B000000FFFF).to_bytes(8, "little")
_FLAT_DATA = (0x00CFF3000000FFFF).to_bytes(8, "little")
_TSS_FLAGS = 0x8B00  # present, busy, 64-bit
_LDT_FLAGS = 0x8200
_U64_MAX = (1 << 64) - 1

DECISIVE = frozenset(("cs", "cr0", "cr3", "efer", "gdtr_base"))
"""Values that come together only in a complete state."""
PAGING = frozenset(("cr0", "cr3", "cr4", "efer"))
"""Registers that say what page tables there are and what they mean."""


def read_all(uc: Any) -> dict[str, int]:
    """Every register by name; descriptor tables as ``*_base`` and ``*_limit``."""
    values = dict(zip(UNICORN_ID, uc.reg_read_batch(list(UNICORN_ID.values())), strict=True))
    values["rflags"] &= ~_RESUME_FLAG
    for name, identifier in _STACK.items():
        values[name] = _x87(uc, identifier)
    for name, identifier in _TABLES.items():
        selector, base, limit, _flags = uc.reg_read(identifier)
        values[f"{name}_base"], values[f"{name}_limit"] = base, limit
        if name == "tr":
            values["tr"] = selector
    for name, number in _MSRS.items():
        values[name] = uc.msr_read(number)
    return values


def write_any(uc: Any, name: str, value: int) -> None:
    """Change one register that ``read_all`` knows, but none that the processor's mode hangs on."""
    if name in UNICORN_ID:
        uc.reg_write(UNICORN_ID[name], value)
    elif name in _MSRS:
        uc.msr_write(_MSRS[name], value)
    elif name in _STACK:
        buffer = ctypes.create_string_buffer(value.to_bytes(10, "little"), 16)
        uclib.uc_reg_write(uc._uch, _STACK[name], buffer)  # noqa: SLF001 (as in _x87)
    else:
        raise EngineFailure(f"no register that can be changed alone: {name}")


def load_state(uc: Any, values: Mapping[str, int]) -> None:
    """Bring a processor that is as after a reset into long mode with flat segments and all that
    ``values`` says.

    Registers that are not named keep what they have after a reset. Eight bytes of memory are
    borrowed: Unicorn loads segments through tables only while paging is off.
    """
    original = bytes(uc.mem_read(_SCRATCH, 8))
    _load_segments(uc, values)
    uc.mem_write(_SCRATCH, original)
    _load_tables(uc, values)
    for name in ("cr3", "cr4"):
        uc.reg_write(UNICORN_ID[name], values[name])
    uc.msr_write(EFER, values["efer"])
    uc.reg_write(UNICORN_ID["cr0"], values["cr0"])
    done = {"cr0", "cr3", "cr4", "efer", "fs", "gs"}
    # The stack of the x87 turns with its status word, and its tags depend on what is in it.
    for name in ("fsw", *_STACK, *UNICORN_ID, *_MSRS):
        if name in values and name not in done:
            write_any(uc, name, values[name])


def _load_segments(uc: Any, values: Mapping[str, int]) -> None:
    """Put flat segments behind all selectors; those that can be read back later get their true
    numbers then, since paging makes CS, DS, ES and SS mere numbers for Unicorn."""
    uc.mem_write(_SCRATCH, _FLAT_CODE)
    _look_up_at_scratch(uc, _CODE_SELECTOR)
    uc.reg_write(UNICORN_ID["cs"], _CODE_SELECTOR)
    uc.mem_write(_SCRATCH, _FLAT_DATA)
    chosen = {**dict.fromkeys(("ds", "es", "ss"), _DATA_SELECTOR), "fs": 0, "gs": 0}
    for name, default in chosen.items():
        selector = default or values[name]
        _look_up_at_scratch(uc, selector)
        uc.reg_write(UNICORN_ID[name], selector)


def _look_up_at_scratch(uc: Any, selector: int) -> None:
    """Let both descriptor tables begin where the entry of ``selector`` is the scratch place."""
    base = (_SCRATCH - (selector & ~7)) & _U64_MAX
    for identifier in (GDTR_ID, LDTR_ID):
        uc.reg_write(identifier, (0, base, 0xFFFF, _LDT_FLAGS))


def _load_tables(uc: Any, values: Mapping[str, int]) -> None:
    for name, flags in (("gdtr", 0), ("idtr", 0), ("tr", _TSS_FLAGS)):
        base, limit = values[f"{name}_base"], values[f"{name}_limit"]
        uc.reg_write(_TABLES[name], (values.get(name, 0), base, limit, flags))
    uc.reg_write(LDTR_ID, (values.get("ldtr", 0), 0, 0, 0))


def _x87(uc: Any, identifier: int) -> int:
    """An 80-bit register, of which the binding would give 64."""
    buffer = ctypes.create_string_buffer(16)
    uclib.uc_reg_read(uc._uch, identifier, buffer)  # noqa: SLF001 (raw calls need the handle)
    return int.from_bytes(buffer.raw[:10], "little")
