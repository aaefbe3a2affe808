"""Register names of the project against Unicorn's register numbers."""

from __future__ import annotations

import ctypes
from typing import Any

from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

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
_STACK_IDS = [getattr(x86_const, f"UC_X86_REG_ST{number}") for number in range(8)]
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


def read_all(uc: Any) -> dict[str, int]:
    """Every register by name; descriptor tables as ``*_base`` and ``*_limit``."""
    values = dict(zip(UNICORN_ID, uc.reg_read_batch(list(UNICORN_ID.values())), strict=True))
    values["rflags"] &= ~_RESUME_FLAG
    for number, identifier in enumerate(_STACK_IDS):
        values[f"st{number}"] = _x87(uc, identifier)
    for name, identifier in _TABLES.items():
        selector, base, limit, _flags = uc.reg_read(identifier)
        values[f"{name}_base"], values[f"{name}_limit"] = base, limit
        if name == "tr":
            values["tr"] = selector
    for name, number in _MSRS.items():
        values[name] = uc.msr_read(number)
    return values


def write_plain(uc: Any, values: dict[str, int]) -> None:
    """Change registers that hold one plain integer; other names are an internal error."""
    for name, value in values.items():
        uc.reg_write(UNICORN_ID[name], value)


def load_boot_state(uc: Any, values: dict[str, int]) -> None:
    """Bring a fresh processor into long mode with flat segments, as ``values`` says.

    Unicorn loads segments through the GDT only while paging is off, and demands a readable code
    descriptor there, which Solo5's execute-only one is not: it is lent one for the moment.
    """
    gdt = values["gdtr_base"]
    descriptor = gdt + (values["cs"] & ~7)
    original = bytes(uc.mem_read(descriptor, 8))
    readable = bytearray(original)
    readable[5] |= 2
    uc.mem_write(descriptor, bytes(readable))
    uc.reg_write(_TABLES["gdtr"], (0, gdt, values["gdtr_limit"], 0))
    uc.reg_write(_TABLES["idtr"], (0, values["idtr_base"], values["idtr_limit"], 0))
    write_plain(uc, {name: values[name] for name in ("cs", "ds", "es", "ss", "fs", "gs")})
    uc.mem_write(descriptor, original)
    write_plain(uc, {name: values[name] for name in ("cr3", "cr4")})
    uc.msr_write(EFER, values["efer"])
    write_plain(uc, {"cr0": values["cr0"]})
    task = (values["tr"], values["tr_base"], values["tr_limit"], 0x8B00)
    uc.reg_write(_TABLES["tr"], task)
    done = {"cs", "ds", "es", "ss", "fs", "gs", "cr0", "cr3", "cr4"}
    write_plain(uc, {n: v for n, v in values.items() if n in UNICORN_ID and n not in done})


def _x87(uc: Any, identifier: int) -> int:
    """An 80-bit register, of which the binding would give 64."""
    buffer = ctypes.create_string_buffer(16)
    uclib.uc_reg_read(uc._uch, identifier, buffer)  # noqa: SLF001 (raw calls need the handle)
    return int.from_bytes(buffer.raw[:10], "little")
