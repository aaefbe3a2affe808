"""Core files: the memory and registers of a stopped guest in the form that debuggers read.

The layout is that of Solo5's hvt debug tender (v0.12, x86-64): an ELF header, two program headers,
one NT_PRSTATUS note, and all guest memory as one segment at address 0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from monitors.ports import Registers
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.machine.machine import Machine

_CHUNK_BYTES = 1 << 20

# elf.h: Elf64_Ehdr, Elf64_Phdr, Elf64_Nhdr
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_NOTE_HEADER = struct.Struct("<III8s")
_ELF64_LSB_STANDALONE = b"\x7fELF" + bytes((2, 1, 1, 255))
_ET_CORE, _EM_X86_64, _EV_CURRENT = 4, 62, 1
_PT_LOAD, _PT_NOTE, _NT_PRSTATUS = 1, 4, 1
_PROGRAM_HEADERS = 2

# sys/procfs.h, struct elf_prstatus: 336 bytes, pr_reg at 112 (sys/user.h, struct user_regs_struct)
_PRSTATUS_BYTES = 336
_PR_REG_AT = 112
_PR_REG = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8"),
    *("rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss"),
    *("fs_base", "gs_base", "ds", "es", "fs", "gs"),
)
_REGISTERS = struct.Struct(f"<{len(_PR_REG)}Q")

# The halt cookie of hvt on x86-64, which the guest's trap handler fills in.
_COOKIE = struct.Struct("<7Q")
_COOKIE_FIELDS = ("cr2", "error_code", "rip", "cs", "rflags", "rsp", "ss")
_FROM_COOKIE = frozenset(("rip", "cs", "rflags", "rsp", "ss"))

_NOTE_AT = _ELF_HEADER.size + _PROGRAM_HEADERS * _PROGRAM_HEADER.size
_NOTE_BYTES = _NOTE_HEADER.size + _PRSTATUS_BYTES
_MEMORY_AT = _NOTE_AT + _NOTE_BYTES


@dataclass(frozen=True, slots=True)
class CorePages:
    """How many of a guest's pages (4096 bytes) a core file holds; the others are zero and holes."""

    written: int
    total: int


def write_core(file: BinaryIO, machine: Machine, cookie: bytes = b"") -> CorePages:
    """Write a stopped machine's core into ``file``, which is empty and can be made sparse.

    ``cookie`` is what an ending guest left about its trap, if anything. Raises OSError.
    """
    ram = machine.ram
    file.write(core_head(machine.engine.registers(), ram.size, cookie))
    written = sum(_copy(file, ram, start, end) for start, end in ram.resident_ranges())
    file.truncate(_MEMORY_AT + ram.size)
    return CorePages(written // PAGE_BYTES, ram.size // PAGE_BYTES)


def core_head(registers: Registers, mem_size: int, cookie: bytes = b"") -> bytes:
    """Everything in front of the memory: 0x214 bytes."""
    return b"".join(
        (
            _elf_header(),
            _PROGRAM_HEADER.pack(_PT_NOTE, 0, _NOTE_AT, 0, 0, _NOTE_BYTES, _NOTE_BYTES, 0),
            _PROGRAM_HEADER.pack(_PT_LOAD, 0, _MEMORY_AT, 0, 0, mem_size, mem_size, 0),
            _NOTE_HEADER.pack(8, _PRSTATUS_BYTES, _NT_PRSTATUS, b"CORE"),
            _prstatus(_at_trap(registers, cookie)),
        )
    )


def _elf_header() -> bytes:
    return _ELF_HEADER.pack(
        _ELF64_LSB_STANDALONE,
        _ET_CORE,
        _EM_X86_64,
        _EV_CURRENT,
        0,
        _ELF_HEADER.size,
        0,
        0,
        _ELF_HEADER.size,
        _PROGRAM_HEADER.size,
        _PROGRAM_HEADERS,
        0,
        0,
        0,
    )


def _prstatus(registers: Registers) -> bytes:
    values = (registers.get(name, 0) for name in _PR_REG)
    packed = bytes(_PR_REG_AT) + _REGISTERS.pack(*values)
    return packed.ljust(_PRSTATUS_BYTES, b"\0")


def _at_trap(registers: Registers, cookie: bytes) -> Registers:
    """The registers as they were where the guest trapped, as far as the cookie says."""
    if len(cookie) < _COOKIE.size:
        return registers
    trap = zip(_COOKIE_FIELDS, _COOKIE.unpack_from(cookie), strict=True)
    return {**registers, **{name: value for name, value in trap if name in _FROM_COOKIE}}


def _copy(file: BinaryIO, ram: GuestRam, start: int, end: int) -> int:
    file.seek(_MEMORY_AT + start)
    for at in range(start, end, _CHUNK_BYTES):
        file.write(ram.view[at : min(at + _CHUNK_BYTES, end)])
    return end - start
