"""Model-specific registers: which ones a guest may touch itself, and what it is told of the others.

The rules are those of every engine: Intel SDM volume 4, for the virtual processor of
``monitors.vcpu``. All that is not known is a general protection fault.
"""

from __future__ import annotations

import ctypes
import fcntl
from dataclasses import dataclass

from replay.engines.kvm import api

NUMBERS = {
    "star": 0xC000_0081,
    "lstar": 0xC000_0082,
    "sfmask": 0xC000_0084,
    "kernel_gs_base": 0xC000_0102,
}
"""Those that belong to the state that engines report."""

TIME_STAMP, TSC_AUX, _EFER = 0x10, 0xC000_0103, 0xC000_0080
# (first, how many): SYSENTER_CS, _ESP, _EIP; EFER, STAR, LSTAR, CSTAR, SFMASK; FS_BASE, GS_BASE,
# KERNEL_GS_BASE.
_OPEN = ((0x174, 3), (_EFER, 5), (0xC000_0100, 3))


@dataclass(frozen=True, slots=True)
class Denied:
    """The access is a general protection fault."""


@dataclass(frozen=True, slots=True)
class ReadsAs:
    """The access has this outcome; a write has none but its end."""

    value: int = 0


@dataclass(frozen=True, slots=True)
class TimeRead:
    """The cycle counter is read."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The access would take the recording's clock out of its hands."""


def outcome(number: int, value: int | None) -> Denied | ReadsAs | TimeRead | Refused:
    """What an access means that the filter stopped: a read, or a write of ``value``."""
    if number == TIME_STAMP:
        return TimeRead() if value is None else Refused()
    if number == TSC_AUX:
        return Refused() if value else ReadsAs()
    return Denied()


def deny_all_but_known(vm: int) -> None:
    """Let every access to another register end in an exit."""
    enable = api.ENABLE.pack(api.CAP_X86_USER_SPACE_MSR, 0, api.MSR_EXIT_ALL, 0, 0, 0)
    fcntl.ioctl(vm, api.ENABLE_CAP, enable)
    bitmap = ctypes.create_string_buffer(b"\xff", 8)
    both = api.MSR_FILTER_READ | api.MSR_FILTER_WRITE
    ranges = [
        api.MSR_RANGE.pack(both, count, first, ctypes.addressof(bitmap)) for first, count in _OPEN
    ]
    empty = bytes(api.MSR_RANGE.size * (api.MSR_RANGES_MAX - len(ranges)))
    head = api.MSR_FILTER_DENY.to_bytes(8, "little")
    fcntl.ioctl(vm, api.SET_MSR_FILTER, bytearray(head + b"".join(ranges) + empty))
