"""The state in which an spt guest starts: memory and its rights, registers, boot information.

As upstream's tender prepares it on x86-64 (SPT_ABI_VERSION 2). Registers that the tender leaves as
they happen to be are zero, and those that a process cannot see have the values of an hvt guest
or zero; a guest cannot tell.
"""

from __future__ import annotations

from dataclasses import replace

from monitors.elf import check_fits
from monitors.errors import GuestRefused
from monitors.ports import BootRequest, BootState, Registers, Segment
from monitors.spt.abi import (
    BOOT_INFO,
    EPOLL_FD,
    SPT_BOOT_INFO_BASE,
    SPT_CMDLINE_SIZE,
    TIMER_FD,
    device_fd,
)
from monitors.spt.memory import address_space

MIB = 1 << 20
MEM_SIZE_MAX = 4096 * MIB

# arch/x86/include/asm/segment.h: __USER_CS, __USER_DS
CODE_SELECTOR = 0x33
DATA_SELECTOR = 0x2B

_CR0 = 0x80010021  # PE, NE, WP, PG
_CR4 = 0x620  # PAE, OSFXSR, OSXMMEXCPT
_EFER = 0xD01  # SCE, LME, LMA, NXE
_RFLAGS = 0x202  # IF
_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rbp", *(f"r{n}" for n in range(8, 16)))
_ZERO_AT_START = (
    *("ds", "es", "fs", "gs", "fs_base", "gs_base", "gdtr_base", "gdtr_limit"),
    *("idtr_base", "idtr_limit", "tr", "tr_base", "tr_limit", "ldtr", "cr2", "cr3", "cr8"),
)


def memory_size(mib: int) -> int:
    """The bytes for ``--mem=mib``, no rounding; GuestRefused outside 1 to 4096."""
    if not 1 <= mib <= MEM_SIZE_MAX // MIB:
        raise GuestRefused(f"memory of {mib} MiB", hint=f"choose 1 to {MEM_SIZE_MAX // MIB} MiB")
    return mib * MIB


def boot_state(request: BootRequest) -> BootState:
    """The state at the entry point; raises GuestRefused for a request that cannot be met."""
    _check_request(request)
    check_fits(request.image, request.mem_size)
    _check_attached(request)
    return BootState(
        segments=(Segment(SPT_BOOT_INFO_BASE, _boot_block(request)), *request.image.segments),
        protections=address_space(
            request.image, request.mem_size, executable_heap=request.executable_heap
        ),
        registers=_registers(request),
    )


def _check_request(request: BootRequest) -> None:
    size = request.mem_size
    if not MIB <= size <= MEM_SIZE_MAX or size % MIB:
        raise GuestRefused(f"memory of {size:#x} bytes", hint="a multiple of 1 MiB, 4 GiB at most")
    length = len(request.command_line)
    if length >= SPT_CMDLINE_SIZE:
        hint = f"{SPT_CMDLINE_SIZE - 1} bytes at most"
        raise GuestRefused(f"command line of {length} bytes", hint=hint)


def _check_attached(request: BootRequest) -> None:
    missing = request.image.manifest.unattached(request.attachments)
    if missing:
        devices = ", ".join(f"{entry.name!r} ({entry.type_name})" for entry in missing)
        raise GuestRefused(
            f"devices declared by the guest but not attached: {devices}",
            hint="all declared devices must be attached",
        )


def _boot_block(request: BootRequest) -> bytes:
    """The boot information with what it points to: the manifest and the command line."""
    attachments = [replace(a, hostfd=device_fd(a.handle)) for a in request.attachments]
    manifest = request.image.manifest.pack(attachments)
    manifest_at = SPT_BOOT_INFO_BASE + BOOT_INFO.size
    boot_info = BOOT_INFO.pack(
        request.mem_size,
        request.image.kernel_end,
        manifest_at + len(manifest),
        manifest_at,
        EPOLL_FD,
        TIMER_FD,
    )
    return boot_info + manifest + request.command_line.ljust(SPT_CMDLINE_SIZE, b"\0")


def _registers(request: BootRequest) -> Registers:
    return {
        **dict.fromkeys(_GENERAL, 0),
        **dict.fromkeys(_ZERO_AT_START, 0),
        "rip": request.image.entry,
        "rsp": request.mem_size - 8,
        "rdi": SPT_BOOT_INFO_BASE,
        "rflags": _RFLAGS,
        "cs": CODE_SELECTOR,
        "ss": DATA_SELECTOR,
        "cr0": _CR0,
        "cr4": _CR4,
        "efer": _EFER,
        "mxcsr": 0x1F80,
        "fcw": 0x37F,
        "ftw": 0xFFFF,
    }
