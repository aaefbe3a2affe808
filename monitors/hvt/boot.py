"""The state in which an hvt guest starts: memory, page tables, registers, boot information.

Exactly what upstream's tender prepares on x86-64 (HVT_ABI_VERSION 2), with two choices. The network
ring is never offered, so no memory is added for it. Page-table entries are written with the
accessed bit set, and leaves with the dirty bit too, as a processor would set them in the end: an
engine that maintains these bits and one that does not then agree about every byte of memory.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from monitors.elf import check_fits
from monitors.errors import GuestRefused
from monitors.hvt.abi import BOOT_INFO, HVT_CMDLINE_SIZE
from monitors.ports import BootRequest, BootState, GuestImage, Protection, Registers, Segment

MIB = 1 << 20
BIG_PAGE = 2 * MIB
MEM_SIZE_MAX = 4096 * MIB  # one page directory a GiB, and there are four

GDT_GPA = 0x1000
PML4_GPA = 0x2000
PDPT_GPA = 0x3000
PD_GPA = 0x4000
PT_GPA = 0x8000
BOOT_INFO_GPA = 0x10000
IMAGE_GPA = 0x100000

# Null; 64-bit code, base 0, limit 4 GiB; data, base 0, limit 4 GiB. Both marked as accessed.
GDT = struct.pack("<QQQ", 0, 0x00AF99000000FFFF, 0x00CF93000000FFFF)
CODE_SELECTOR = 0x08
DATA_SELECTOR = 0x10

_PAGE = 0x1000
_PRESENT = 0x01
_WRITABLE = 0x02
_ACCESSED = 0x20
_DIRTY = 0x40
_BIG = 0x80
_TABLE = _PRESENT | _WRITABLE | _ACCESSED
_READ_ONLY_LEAF = _PRESENT | _ACCESSED | _DIRTY
_LEAF = _READ_ONLY_LEAF | _WRITABLE

_CR0 = 0x80010021  # PE, NE, WP, PG
_CR4 = 0x620  # PAE, OSFXSR, OSXMMEXCPT
_EFER = 0x500  # LME, LMA
_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rbp", *(f"r{n}" for n in range(8, 16)))
_ZERO_AT_START = (
    *("fs_base", "gs_base", "idtr_base", "idtr_limit", "tr", "tr_base", "tr_limit", "ldtr"),
    *("cr2", "cr8"),
)
_U64_MAX = (1 << 64) - 1


def memory_size(mib: int) -> int:
    """The bytes for ``--mem=mib``: even MiB, 2 at least; GuestRefused outside 1 to 4096."""
    if not 1 <= mib <= MEM_SIZE_MAX // MIB:
        raise GuestRefused(f"memory of {mib} MiB", hint=f"choose 1 to {MEM_SIZE_MAX // MIB} MiB")
    return max(BIG_PAGE, mib * MIB & -BIG_PAGE)


def boot_state(request: BootRequest) -> BootState:
    """The state at the entry point; raises GuestRefused for a request that cannot be met."""
    _check_request(request)
    check_fits(request.image, request.mem_size)
    _check_attached(request)
    return BootState(
        segments=(
            Segment(GDT_GPA, GDT),
            *_page_tables(request.mem_size),
            Segment(BOOT_INFO_GPA, _boot_block(request)),
            *request.image.segments,
        ),
        protections=_protections(request.image),
        registers=_registers(request),
    )


def _check_request(request: BootRequest) -> None:
    size = request.mem_size
    if not BIG_PAGE <= size <= MEM_SIZE_MAX or size % BIG_PAGE:
        raise GuestRefused(f"memory of {size:#x} bytes", hint="a multiple of 2 MiB, 4 GiB at most")
    if not 1 <= request.tsc_hz <= _U64_MAX:
        raise GuestRefused(f"cycle counter of {request.tsc_hz} Hz")
    length = len(request.command_line)
    if length >= HVT_CMDLINE_SIZE:
        hint = f"{HVT_CMDLINE_SIZE - 1} bytes at most"
        raise GuestRefused(f"command line of {length} bytes", hint=hint)


def _check_attached(request: BootRequest) -> None:
    missing = request.image.manifest.unattached(request.attachments)
    if missing:
        devices = ", ".join(f"{entry.name!r} ({entry.type_name})" for entry in missing)
        raise GuestRefused(
            f"devices declared by the guest but not attached: {devices}",
            hint="all declared devices must be attached",
        )


def _protections(image: GuestImage) -> Sequence[Protection]:
    """What the host refuses to write; the rest is a matter of the guest's page tables."""
    read_only = (p for p in image.protections if not p.writable)
    return tuple(Protection(p.start, p.end, writable=False, code=p.executable) for p in read_only)


def _page_tables(mem_size: int) -> Sequence[Segment]:
    directory_gpas = range(PD_GPA, PT_GPA, _PAGE)
    big_pages = [gpa | _LEAF | _BIG for gpa in range(BIG_PAGE, mem_size, BIG_PAGE)]
    # The zero page and the tables stay unmapped, what lies between them and the image read-only.
    low = [gpa | _READ_ONLY_LEAF for gpa in range(BOOT_INFO_GPA, IMAGE_GPA, _PAGE)]
    image = [gpa | _LEAF for gpa in range(IMAGE_GPA, BIG_PAGE, _PAGE)]
    return (
        Segment(PML4_GPA, _entries([PDPT_GPA | _TABLE])),
        Segment(PDPT_GPA, _entries([gpa | _TABLE for gpa in directory_gpas])),
        Segment(PD_GPA, _entries([PT_GPA | _TABLE, *big_pages])),
        Segment(PT_GPA + BOOT_INFO_GPA // _PAGE * 8, _entries(low + image)),
    )


def _entries(values: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def _boot_block(request: BootRequest) -> bytes:
    """The boot information with what it points to: the manifest and the command line."""
    manifest = request.image.manifest.pack(request.attachments)
    manifest_gpa = BOOT_INFO_GPA + BOOT_INFO.size
    boot_info = BOOT_INFO.pack(
        request.mem_size,
        request.image.kernel_end,
        request.tsc_hz,
        manifest_gpa + len(manifest),
        manifest_gpa,
        0,  # host_features: no ring
        0,  # guest_features
        0,  # net_ring
    )
    return boot_info + manifest + request.command_line.ljust(HVT_CMDLINE_SIZE, b"\0")


def _registers(request: BootRequest) -> Registers:
    return {
        **dict.fromkeys(_GENERAL, 0),
        **dict.fromkeys(_ZERO_AT_START, 0),
        "rip": request.image.entry,
        "rsp": request.mem_size - 8,
        "rdi": BOOT_INFO_GPA,
        "rflags": 0x2,
        "cs": CODE_SELECTOR,
        **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), DATA_SELECTOR),
        "gdtr_base": GDT_GPA,
        "gdtr_limit": len(GDT) - 1,
        "cr0": _CR0,
        "cr3": PML4_GPA,
        "cr4": _CR4,
        "efer": _EFER,
        "mxcsr": 0x1F80,
        "fcw": 0x37F,
        "ftw": 0xFFFF,
    }
