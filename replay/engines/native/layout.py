"""The memory that the monitor shares with the agent: agent/layout.h in Python.

The guest can reach all of it, so everything read from here is checked before it is used.
"""

from __future__ import annotations

import ctypes
import enum

LAYOUT_VERSION = 1
SLOT_BYTES = 256 << 10
SLOTS = 8
CONSOLE_BYTES = 256 << 10
SITES_MAX = 1024
DEVICES_MAX = 64
CONTROL_BYTES = 65536
NO_DESCRIPTOR = -1


class Mode(enum.IntEnum):
    """What the agent does at a site."""

    OFF = 0
    RECORD = 1
    REPLAY = 2


class Target(enum.IntEnum):
    """Whose guest it is."""

    HVT = 1
    SPT = 2


class SiteCode(enum.IntEnum):
    """Which instruction crosses at a site."""

    OUT = 1
    SYSCALL = 2
    RDTSC = 3
    RDTSCP = 4


_U64, _U32, _I32 = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_int32


class SiteEntry(ctypes.Structure):
    """``struct site``."""

    _fields_ = (("at", _U64), ("after", _U64), ("kind", _U32), ("served", _U32))


class SlotEntry(ctypes.Structure):
    """``struct slot``."""

    _fields_ = (("length", _U32), ("count", _U32))


class BlockEntry(ctypes.Structure):
    """``struct block``."""

    _fields_ = (
        ("capacity", _U64),
        ("block_size", _U64),
        ("known", _U64),
        ("fd", _I32),
        ("pad", _U32),
    )


class Control(ctypes.Structure):
    """``struct control``."""

    _fields_ = (
        ("rax", _U64),
        ("site", _U64),
        ("resume", _U64),
        ("mode", _U32),
        ("target", _U32),
        ("stop", _U32),
        ("cut", _U32),
        ("window", _U64),
        ("mem_size", _U64),
        ("plain_start", _U64),
        ("read_start", _U64),
        ("tsc_hz", _U64),
        ("clock_gettime", _U64),
        ("virtual_flags", _U64),
        ("console_fd", _I32),
        ("stop_fd", _I32),
        ("full_fd", _I32),
        ("site_count", _U32),
        ("budget", _U64),
        ("last_cycles", _U64),
        ("timer_ns", _U64),
        ("console_bytes", _U64),
        ("prior", _U64 * 4),
        ("write_seq", _U64),
        ("read_seq", _U64),
        ("busy", _U32),
        ("left", _U32),
        ("slots", SlotEntry * SLOTS),
        ("in_at", _U64),
        ("in_end", _U64),
        ("console_read", _U64),
        ("console_write", _U64),
        ("nets", _I32 * DEVICES_MAX),
        ("blocks", BlockEntry * DEVICES_MAX),
        ("sites", SiteEntry * SITES_MAX),
    )


SLOTS_AT = CONTROL_BYTES
RECORDED_AT = SLOTS_AT + SLOTS * SLOT_BYTES
CONSOLE_AT = RECORDED_AT + SLOT_BYTES
SHARED_BYTES = CONSOLE_AT + CONSOLE_BYTES

FINGERPRINT = (
    LAYOUT_VERSION,
    ctypes.sizeof(Control),
    Control.budget.offset,
    Control.slots.offset,
    Control.nets.offset,
    Control.sites.offset,
    SHARED_BYTES,
)
"""What an agent says of its own layout, if it is the same."""
