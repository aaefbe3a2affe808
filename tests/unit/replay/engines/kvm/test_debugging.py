from __future__ import annotations

from typing import Any

import pytest

from monitors.ports import Breakpoint, Watched
from replay.engines.errors import NoDebugRegister
from replay.engines.kvm import api
from replay.engines.kvm.debugging import GuestDebug, debug_registers
from replay.engines.ports import Access, Watchpoint


@pytest.mark.parametrize(
    ("size", "access", "bits"),
    [
        (1, Access.WRITE, 0b0001),
        (2, Access.WRITE, 0b0101),
        (4, Access.WRITE, 0b1101),
        (8, Access.WRITE, 0b1001),
        (8, Access.READ, 0b1011),
        (8, Access.READ_WRITE, 0b1011),
    ],
)
def test_conditions_of_watchpoints(size: int, access: Access, bits: int) -> None:
    registers = debug_registers([Watchpoint(0x1000, size, access)], [])
    assert registers[0] == 0x1000
    assert registers[7] >> 16 == bits
    assert registers[7] & 0xFF == 0b10


def test_breakpoints_execute() -> None:
    registers = debug_registers([], [0x10, 0x20, 0x30, 0x40])
    assert registers[:4] == [0x10, 0x20, 0x30, 0x40]
    assert registers[7] == 0x400 | 0x200 | 0b10101010


def test_nothing_is_nothing() -> None:
    assert debug_registers([], []) == [0, 0, 0, 0, 0, 0, 0, 0x400]


def test_there_are_four_for_both(scripted: Any) -> None:
    debug = GuestDebug(scripted([]).vcpu)
    debug.set_watchpoints([Watchpoint(8 * n, 8, Access.WRITE) for n in range(3)])
    debug.set_breakpoints([1])
    with pytest.raises(NoDebugRegister, match=r"3 watchpoint.*0x1, 0x2"):
        debug.set_breakpoints([1, 2])
    with pytest.raises(NoDebugRegister, match="4 watchpoint"):
        debug.set_watchpoints([Watchpoint(8 * n, 8, Access.WRITE) for n in range(4)])


def test_the_kernel_is_told_of_changes_only(scripted: Any) -> None:
    vcpu = scripted([]).vcpu
    debug = GuestDebug(vcpu)
    debug.arm()
    assert vcpu.debug == []
    debug.set_breakpoints([5])
    debug.arm()
    debug.arm()
    debug.set_breakpoints([])
    debug.arm()
    debug.arm()
    assert [control for control, _ in vcpu.debug] == [api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP, 0]


def test_breakpoints_rest_during_a_step_and_come_back(scripted: Any) -> None:
    vcpu = scripted([]).vcpu
    debug = GuestDebug(vcpu)
    debug.set_breakpoints([5])
    debug.arm_step()
    debug.arm()
    assert [registers[0] for _, registers in vcpu.debug] == [0, 5]


def test_what_dr6_says(scripted: Any) -> None:
    debug = GuestDebug(scripted([]).vcpu)
    debug.set_watchpoints([Watchpoint(0x80, 8, Access.WRITE)])
    debug.set_breakpoints([5])
    assert debug.found(5, 0xFFFF0FF1) == Watched(5, 0x80)
    assert debug.found(5, 0xFFFF0FF2) == Breakpoint(5)
    assert debug.found(5, 0xFFFF4FF0) is None
