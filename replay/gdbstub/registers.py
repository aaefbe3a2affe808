"""The guest's registers as clients see them: which, in what order, and how many bits.

The order is that of gdb's own features for 64-bit x86 (gdb/features/i386/64bit-core.xml,
64bit-sse.xml, 64bit-segments.xml), so that the number of each is what every client expects, and
behind those a feature of our own with the control registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from monitors.ports import Registers

_GENERAL_BITS, _FLAGS_BITS, _X87_BITS, _XMM_BITS = 64, 32, 80, 128


@dataclass(frozen=True, slots=True)
class Register:
    """One register: ``name`` as clients know it, ``source`` as engines do (empty: always zero)."""

    name: str
    bits: int
    type: str
    source: str = ""
    group: str = ""

    @property
    def size(self) -> int:
        """In bytes."""
        return self.bits // 8


@dataclass(frozen=True, slots=True)
class Feature:
    """Registers that belong together, under the name that clients look for."""

    name: str
    registers: tuple[Register, ...]


def _plain(bits: int, kind: str, *names: str, group: str = "") -> tuple[Register, ...]:
    return tuple(Register(name, bits, kind, name, group) for name in names)


_X87_CONTROL = {
    "fctrl": "fcw",
    "fstat": "fsw",
    "ftag": "ftw",
    **dict.fromkeys(("fiseg", "fioff", "foseg", "fooff", "fop"), ""),
}

CORE = Feature(
    "org.gnu.gdb.i386.core",
    (
        *_plain(_GENERAL_BITS, "int64", "rax", "rbx", "rcx", "rdx", "rsi", "rdi"),
        *_plain(_GENERAL_BITS, "data_ptr", "rbp", "rsp"),
        *_plain(_GENERAL_BITS, "int64", *(f"r{number}" for number in range(8, 16))),
        Register("rip", _GENERAL_BITS, "code_ptr", "rip"),
        Register("eflags", _FLAGS_BITS, "i386_eflags", "rflags"),
        *_plain(_FLAGS_BITS, "int32", "cs", "ss", "ds", "es", "fs", "gs"),
        *_plain(_X87_BITS, "i387_ext", *(f"st{number}" for number in range(8))),
        *(
            Register(name, _FLAGS_BITS, "int", source, "float")
            for name, source in _X87_CONTROL.items()
        ),
    ),
)
SSE = Feature(
    "org.gnu.gdb.i386.sse",
    (
        *_plain(_XMM_BITS, "vec128", *(f"xmm{number}" for number in range(16))),
        Register("mxcsr", _FLAGS_BITS, "i386_mxcsr", "mxcsr", "vector"),
    ),
)
SEGMENTS = Feature("org.gnu.gdb.i386.segments", _plain(_GENERAL_BITS, "int", "fs_base", "gs_base"))
CONTROL = Feature(
    "org.solo5.replay.control",
    _plain(_GENERAL_BITS, "int64", "cr0", "cr2", "cr3", "cr4", "cr8", "efer", group="system"),
)
FEATURES = (CORE, SSE, SEGMENTS, CONTROL)

REGISTERS: tuple[Register, ...] = tuple(
    register for feature in FEATURES for register in feature.registers
)
"""By number."""

EXPEDITED = ("rbp", "rsp", "rip")
"""What gdb wants to know at every stop."""


@cache
def number_of(name: str) -> int:
    """The number of a register that there is."""
    return next(number for number, register in enumerate(REGISTERS) if register.name == name)


def register_bytes(register: Register, values: Registers) -> bytes | None:
    """A register's value in the guest's byte order; None where the guest has no such thing."""
    if not register.source:
        return bytes(register.size)
    value = values.get(register.source)
    if value is None:
        return None
    return (value & (1 << register.bits) - 1).to_bytes(register.size, "little")


def register_text(register: Register, values: Registers) -> str:
    """As two digits a byte, ``xx`` for what is not there."""
    data = register_bytes(register, values)
    return "xx" * register.size if data is None else data.hex()


def changed_registers(given: Mapping[int, bytes], values: Registers) -> dict[str, int]:
    """By engines' names, what is not in ``values`` as ``given`` by numbers has it."""
    changed: dict[str, int] = {}
    for number, data in given.items():
        register = REGISTERS[number]
        if register.source in values and data != register_bytes(register, values):
            changed[register.source] = int.from_bytes(data, "little")
    return changed


def split_registers(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbers and values in what ``g`` gives and ``G`` takes, as far as they are complete."""
    at = 0
    for number, register in enumerate(REGISTERS):
        value = data[at : at + register.size]
        if len(value) < register.size:
            return
        yield number, value
        at += register.size
