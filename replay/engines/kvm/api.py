"""The interface of Linux's KVM: numbers and layouts of linux/kvm.h and asm/kvm.h for x86-64.

Every structure has its own size in the names of its ioctl numbers (linux/ioctl.h, _IOC).
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import struct

DEVICE = "/dev/kvm"
API_VERSION = 12

GET_API_VERSION = 0xAE00
CREATE_VM = 0xAE01
CHECK_EXTENSION = 0xAE03
GET_VCPU_MMAP_SIZE = 0xAE04

CREATE_VCPU = 0xAE41
GET_DIRTY_LOG = 0x4010AE42
SET_USER_MEMORY_REGION = 0x4020AE46
ENABLE_CAP = 0x4068AEA3
SET_MSR_FILTER = 0x4188AEC6

RUN = 0xAE80
GET_MSRS, SET_MSRS = 0xC008AE88, 0x4008AE89
SET_SIGNAL_MASK = 0x4004AE8B
SET_CPUID2 = 0x4008AE90
SET_GUEST_DEBUG = 0x4048AE9B
GET_XSAVE, SET_XSAVE = 0x9000AEA4, 0x5000AEA5
GET_XSAVE2 = 0x9000AECF

CAP_SYNC_REGS = 74
CAP_IMMEDIATE_EXIT = 136
CAP_X86_USER_SPACE_MSR = 188
CAP_X86_MSR_FILTER = 189
CAP_XSAVE2 = 208
CAP_DISABLE_QUIRKS2 = 213
QUIRKS_UNWANTED = 0x68
"""KVM_X86_QUIRK_OUT_7E_INC_RIP, _FIX_HYPERCALL_INSN (which changes the guest's code) and
_MWAIT_NEVER_UD_FAULTS."""


class ExitReason(enum.IntEnum):
    """``kvm_run.exit_reason``."""

    UNKNOWN = 0
    IO = 2
    DEBUG = 4
    HLT = 5
    MMIO = 6
    SHUTDOWN = 8
    FAIL_ENTRY = 9
    INTR = 10
    SET_TPR = 11
    INTERNAL_ERROR = 17
    READ_MSR = 29
    WRITE_MSR = 30
    MEMORY_FAULT = 39


# struct kvm_run: offsets in the page that a vCPU shares with its user.
IMMEDIATE_EXIT_AT = 1
EXIT_REASON_AT = 8
CR8_AT = 16
DETAIL_AT = 32
VALID_REGS_AT = 288
DIRTY_REGS_AT = 296
REGS_AT = 304
SREGS_AT = 448
EVENTS_AT = 760

IO = struct.Struct("<BBHIQ")
"""``kvm_run.io``: direction, size, port, count, offset of the data in the page."""

IO_IN, IO_OUT = 0, 1
MMIO = struct.Struct("<Q8sIB")
"""``kvm_run.mmio``: address, data, length, whether it is a write."""

DEBUG = struct.Struct("<I4xQQQ")
"""``kvm_run.debug.arch``: exception, pc, dr6, dr7."""

MSR = struct.Struct("<B7xIIQ")
"""``kvm_run.msr``: error (set it for a #GP), reason, index, data."""

MEMORY_FAULT = struct.Struct("<QQQ")
"""``kvm_run.memory_fault``: flags, address, size."""

# Bits of kvm_valid_regs and kvm_dirty_regs.
SYNC_REGS, SYNC_SREGS, SYNC_EVENTS = 1, 2, 4
SYNC_ALL = SYNC_REGS | SYNC_SREGS | SYNC_EVENTS

REGS = struct.Struct("<18Q")
"""``struct kvm_regs``, in the order of ``GENERAL``."""

GENERAL = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp"),
    *(f"r{number}" for number in range(8, 16)),
    *("rip", "rflags"),
)

SREGS_BYTES = 312
SEGMENT = struct.Struct("<QIHBBBBBBBBBB")
"""``struct kvm_segment``: base, limit, selector, type, present, dpl, db, s, l, g, avl, unusable,
padding."""

SEGMENTS = ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt")
TABLE = struct.Struct("<QH6x")
"""``struct kvm_dtable``: base, limit."""

GDT_AT, IDT_AT, CONTROL_AT = 192, 208, 224
CONTROL = struct.Struct("<7Q")
"""The end of ``struct kvm_sregs`` in the order of ``CONTROL_NAMES``."""

CONTROL_NAMES = ("cr0", "cr2", "cr3", "cr4", "cr8", "efer", "apic_base")

XSAVE_BYTES = 4096
EVENTS_BYTES = 64

MEMORY_REGION = struct.Struct("<IIQQQ")
"""``struct kvm_userspace_memory_region``: slot, flags, guest address, size, user address."""

DIRTY_LOG = struct.Struct("<I4xQ")
"""``struct kvm_dirty_log``: slot, address of the bitmap."""

MEM_LOG_DIRTY_PAGES = 1

DEBUG_ENABLE, DEBUG_SINGLESTEP, DEBUG_USE_HW_BP = 0x1, 0x2, 0x20000
GUEST_DEBUG = struct.Struct("<II8Q")
"""``struct kvm_guest_debug``: control, padding, debug registers 0 to 7."""

CPUID_ENTRY = struct.Struct("<7I12x")
"""``struct kvm_cpuid_entry2``: function, index, flags, eax, ebx, ecx, edx."""

CPUID_INDEX_MATTERS = 1

MSR_ENTRY = struct.Struct("<I4xQ")
"""``struct kvm_msr_entry``: index, data."""

MSR_EXIT_ALL = 7  # KVM_MSR_EXIT_REASON_INVAL, _UNKNOWN and _FILTER
MSR_FILTER_DENY = 1
MSR_FILTER_READ, MSR_FILTER_WRITE = 1, 2
MSR_RANGES_MAX = 16
MSR_RANGE = struct.Struct("<III4xQ")
"""``struct kvm_msr_filter_range``: flags, how many, first, address of a bitmap."""

ENABLE = struct.Struct("<II4Q64x")
"""``struct kvm_enable_cap``: capability, flags, arguments."""


def sigset(signals: int) -> bytes:
    """``struct kvm_signal_mask`` with a kernel's set of signals: bit n - 1 is signal n."""
    return struct.pack("<IQ", 8, signals)


def address_of(buffer: object) -> int:
    """Where a writable buffer lies in this process."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))  # type: ignore[arg-type]


def close(fd: int) -> None:
    """Close a descriptor, whatever the kernel says about it."""
    with contextlib.suppress(OSError):
        os.close(fd)
