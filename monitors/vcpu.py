"""The virtual processor that every guest sees, whatever processor the host has.

CPUID is answered from a fixed table, so that a recording replays on any host and engine. It
describes what every engine computes alike: x86-64 with SSE up to 4.2, POPCNT, AES-NI and PCLMULQDQ
(Intel Westmere's set), and no XSAVE, AVX, FSGSBASE or APIC. The table is plain data for a trace's
header, so a later version may offer another one without touching old recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitors.calls.traps import CpuidReading
from monitors.errors import MonitorError

HYPERVISOR_SIGNATURE = b"Solo5Replay\0"
BRAND = b"Solo5-replay virtual processor"
LEAVES_MAX = 256
EXTENSIONS = ("rdrand", "rdseed")

_U32 = 0xFFFFFFFF
_ZEROS = CpuidReading(0, 0, 0, 0)

_MAX_BASIC_LEAF = 0xB
_MAX_EXTENDED_LEAF = 0x80000008

# Family 6, model 0x2C, stepping 1 (Intel SDM volume 2, CPUID leaf 1 EAX).
_SIGNATURE = 0x000206C1
# CLFLUSH of 8 * 8 bytes, one logical processor.
_MISCELLANEOUS = 0x00010800
_LEAF1_ECX = {
    "sse3": 0,
    "pclmulqdq": 1,
    "ssse3": 9,
    "cx16": 13,
    "sse4.1": 19,
    "sse4.2": 20,
    "popcnt": 23,
    "aes": 25,
    "hypervisor": 31,
}
_LEAF1_EDX = {
    "fpu": 0,
    "de": 2,
    "pse": 3,
    "tsc": 4,
    "msr": 5,
    "pae": 6,
    "cx8": 8,
    "pge": 13,
    "cmov": 15,
    "pat": 16,
    "pse36": 17,
    "clflush": 19,
    "mmx": 23,
    "fxsr": 24,
    "sse": 25,
    "sse2": 26,
}
_EXTENDED1_ECX = {"lahf": 0}
_EXTENDED1_EDX = {"syscall": 11, "nx": 20, "rdtscp": 27, "lm": 29}
_RDRAND_BIT = 30  # leaf 1 ECX
_RDSEED_BIT = 18  # leaf 7 EBX
_INVARIANT_TSC = 1 << 8  # leaf 0x80000007 EDX
_L2_CACHE = 0x01006040  # 256 KiB, 8-way, lines of 64 bytes
_ADDRESS_BITS = 0x3028  # 48 linear, 40 physical


class BadVirtualCpu(MonitorError):
    """A processor's name, or its description in a trace header, that means nothing."""


@dataclass(frozen=True, slots=True)
class CpuidLeaf:
    """One row of the table; ``subleaf`` None answers every subleaf alike."""

    leaf: int
    subleaf: int | None
    reading: CpuidReading


@dataclass(frozen=True, slots=True)
class VirtualCpu:
    """A processor as CPUID describes it; what the table leaves out reads as zeros."""

    name: str
    leaves: Sequence[CpuidLeaf]

    def cpuid(self, leaf: int, subleaf: int) -> CpuidReading:
        """The answer to CPUID for u32 ``leaf`` (EAX) and ``subleaf`` (ECX).

        Leaves beyond the highest one read as zeros too, as on AMD's processors.
        """
        for row in self.leaves:
            if row.leaf == leaf and row.subleaf in (None, subleaf):
                return row.reading
        return _ZEROS

    def to_header(self) -> dict[str, object]:
        """Plain data for a trace header: numbers, strings and lists only."""
        rows = [[r.leaf, r.subleaf, *_registers(r.reading)] for r in self.leaves]
        return {"name": self.name, "leaves": rows}


def virtual_cpu(name: str) -> VirtualCpu:
    """The processor called ``westmere``, ``+rdrand`` and ``+rdseed`` added at will.

    Raises BadVirtualCpu for another name.
    """
    model, *extensions = name.split("+")
    if model != "westmere" or any(extension not in EXTENSIONS for extension in extensions):
        raise BadVirtualCpu(f"no virtual processor {name!r}; known: westmere[+rdrand][+rdseed]")
    offered = [extension for extension in EXTENSIONS if extension in extensions]
    return VirtualCpu("+".join([model, *offered]), _westmere_leaves(offered))


def from_header(data: Mapping[str, object]) -> VirtualCpu:
    """The processor that ``to_header`` described; BadVirtualCpu for anything else."""
    name, rows = data.get("name"), data.get("leaves")
    if not isinstance(name, str) or not isinstance(rows, list) or len(rows) > LEAVES_MAX:
        raise BadVirtualCpu("the virtual processor's description has no name or no leaves")
    return VirtualCpu(name, tuple(_leaf_of(row) for row in rows))


def _leaf_of(row: object) -> CpuidLeaf:
    if not isinstance(row, list | tuple) or len(row) != 6:
        raise BadVirtualCpu("a leaf of the virtual processor is not a list of 6 numbers")
    leaf, subleaf, *registers = row
    if subleaf is not None and not _is_u32(subleaf):
        raise BadVirtualCpu("a subleaf of the virtual processor is no 32-bit number")
    if not _is_u32(leaf) or not all(_is_u32(value) for value in registers):
        raise BadVirtualCpu("a leaf of the virtual processor holds no 32-bit numbers")
    return CpuidLeaf(leaf, subleaf, CpuidReading(*registers))


def _is_u32(value: object) -> bool:
    return type(value) is int and 0 <= value <= _U32


def _registers(reading: CpuidReading) -> tuple[int, int, int, int]:
    return reading.eax, reading.ebx, reading.ecx, reading.edx


def _westmere_leaves(extensions: Sequence[str]) -> Sequence[CpuidLeaf]:
    rdrand = 1 << _RDRAND_BIT if "rdrand" in extensions else 0
    rdseed = 1 << _RDSEED_BIT if "rdseed" in extensions else 0
    vendor_b, vendor_d, vendor_c = _words(b"GenuineIntel")
    features = CpuidReading(
        eax=_SIGNATURE,
        ebx=_MISCELLANEOUS,
        ecx=_bits(_LEAF1_ECX) | rdrand,
        edx=_bits(_LEAF1_EDX),
    )
    extended = CpuidReading(0, 0, _bits(_EXTENDED1_ECX), _bits(_EXTENDED1_EDX))
    return (
        CpuidLeaf(0, None, CpuidReading(_MAX_BASIC_LEAF, vendor_b, vendor_c, vendor_d)),
        CpuidLeaf(1, None, features),
        CpuidLeaf(7, 0, CpuidReading(0, rdseed, 0, 0)),
        CpuidLeaf(0x40000000, None, CpuidReading(0x40000000, *_words(HYPERVISOR_SIGNATURE))),
        CpuidLeaf(0x80000000, None, CpuidReading(_MAX_EXTENDED_LEAF, 0, 0, 0)),
        CpuidLeaf(0x80000001, None, extended),
        *_brand_leaves(),
        CpuidLeaf(0x80000006, None, CpuidReading(0, 0, _L2_CACHE, 0)),
        CpuidLeaf(0x80000007, None, CpuidReading(0, 0, 0, _INVARIANT_TSC)),
        CpuidLeaf(0x80000008, None, CpuidReading(_ADDRESS_BITS, 0, 0, 0)),
    )


def _brand_leaves() -> Sequence[CpuidLeaf]:
    text = BRAND.ljust(48, b"\0")
    parts = (text[at : at + 16] for at in range(0, 48, 16))
    return [
        CpuidLeaf(0x80000002 + n, None, CpuidReading(*_words(part))) for n, part in enumerate(parts)
    ]


def _words(text: bytes) -> Sequence[int]:
    return [int.from_bytes(text[at : at + 4], "little") for at in range(0, len(text), 4)]


def _bits(positions: Mapping[str, int]) -> int:
    return sum(1 << position for position in positions.values())
