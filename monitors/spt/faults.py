"""Exceptions of an spt guest, which are the signals that end its process."""

from __future__ import annotations

from monitors.calls.lifecycle import Misuse, MisuseKind
from monitors.ports import UserFault

_PAGE_FAULT = 14
# Intel SDM volume 3, "Page-Fault Exception": bits of the error code
_WRITE = 0x02
_FETCH = 0x10

# By vector: what it is, and what Linux makes of it (arch/x86/kernel/traps.c).
_FAULTS: dict[int, tuple[str, MisuseKind]] = {
    0: ("divide error", MisuseKind.ARITHMETIC_FAULT),
    1: ("debug exception", MisuseKind.BREAKPOINT),
    3: ("breakpoint", MisuseKind.BREAKPOINT),
    6: ("invalid opcode", MisuseKind.ILLEGAL_INSTRUCTION),
    11: ("segment not present", MisuseKind.BUS_ERROR),
    12: ("stack fault", MisuseKind.BUS_ERROR),
    13: ("general protection fault", MisuseKind.SEGMENTATION_FAULT),
    16: ("x87 floating-point exception", MisuseKind.ARITHMETIC_FAULT),
    17: ("alignment check", MisuseKind.BUS_ERROR),
    19: ("SIMD floating-point exception", MisuseKind.ARITHMETIC_FAULT),
}


def misuse_of(fault: UserFault) -> Misuse:
    """The end of a guest that caused an exception."""
    if fault.vector == _PAGE_FAULT:
        what, kind = _page_fault(fault), MisuseKind.SEGMENTATION_FAULT
    else:
        unknown = f"exception {fault.vector}", MisuseKind.SEGMENTATION_FAULT
        what, kind = _FAULTS.get(fault.vector, unknown)
    return Misuse(kind, f"{what}: rip={fault.rip:#x}")


def _page_fault(fault: UserFault) -> str:
    if fault.error_code & _FETCH:
        access = "execution of"
    else:
        access = "write to" if fault.error_code & _WRITE else "read of"
    return f"page fault: {access} {fault.address:#x}"
