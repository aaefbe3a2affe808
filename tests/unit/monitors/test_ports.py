from __future__ import annotations

from typing import get_args

from monitors.calls.clock import WALL_CLOCK
from monitors.ports import (
    Crossing,
    Exit,
    Interrupted,
    PortRead,
    PortWrite,
    SystemCall,
    TargetReached,
    Trap,
    TrapKind,
)


def test_exits_are_values():
    assert PortWrite(0x501, 1, 4) == PortWrite(0x501, 1, 4)
    assert len({Interrupted(), Interrupted(), TargetReached()}) == 2
    cheap = {PortWrite, PortRead, SystemCall}
    assert all(kind.__dataclass_params__.frozen or kind in cheap for kind in get_args(Exit))


def test_defaults_of_a_trap_and_a_crossing():
    trap = Trap(TrapKind.RDTSC)
    assert (trap.register, trap.bits, trap.previous, trap.rflags) == ("rax", 64, 0, 0x2)
    crossing = Crossing(WALL_CLOCK)
    assert (crossing.answer_gpa, crossing.buffer_gpa, crossing.trap) == (0, 0, None)
