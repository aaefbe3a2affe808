from __future__ import annotations

import pytest

from monitors.calls.lifecycle import Misuse, MisuseKind
from monitors.ports import UserFault
from monitors.spt.faults import misuse_of

RIP = 0x101234
SEGV, BUS = MisuseKind.SEGMENTATION_FAULT, MisuseKind.BUS_ERROR


@pytest.mark.parametrize(
    ("error_code", "access"),
    [
        (0x04, "read of"),
        (0x05, "read of"),
        (0x06, "write to"),
        (0x07, "write to"),
        (0x14, "execution of"),
        (0x15, "execution of"),
    ],
)
def test_page_faults(error_code, access):
    misuse = misuse_of(UserFault(RIP, 14, error_code, 0x400000000))
    assert misuse == Misuse(SEGV, f"page fault: {access} 0x400000000: rip=0x101234")


@pytest.mark.parametrize(
    ("vector", "kind", "what", "status"),
    [
        (0, MisuseKind.ARITHMETIC_FAULT, "divide error", 136),
        (1, MisuseKind.BREAKPOINT, "debug exception", 133),
        (3, MisuseKind.BREAKPOINT, "breakpoint", 133),
        (6, MisuseKind.ILLEGAL_INSTRUCTION, "invalid opcode", 132),
        (11, BUS, "segment not present", 135),
        (12, BUS, "stack fault", 135),
        (13, SEGV, "general protection fault", 139),
        (16, MisuseKind.ARITHMETIC_FAULT, "x87 floating-point exception", 136),
        (17, BUS, "alignment check", 135),
        (19, MisuseKind.ARITHMETIC_FAULT, "SIMD floating-point exception", 136),
        (4, SEGV, "exception 4", 139),
        (255, SEGV, "exception 255", 139),
    ],
)
def test_other_exceptions(vector, kind, what, status):
    misuse = misuse_of(UserFault(RIP, vector, 0x1234))
    assert misuse == Misuse(kind, f"{what}: rip=0x101234")
    assert misuse.kind.process_status == status
