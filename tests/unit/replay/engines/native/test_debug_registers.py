from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.engines.native.child import Child
from replay.engines.native.debug_registers import Armed, Condition, DebugRegisters


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child([])
    yield made
    made.close()


def test_the_control_word(child: Child) -> None:
    registers = DebugRegisters(child.tracee)
    registers.arm(
        [
            Armed(0x1000, 8, Condition.WRITE),
            Armed(0x2004, 4, Condition.READ_WRITE),
            Armed(0x3001, 1, Condition.EXECUTE),
        ]
    )
    assert [child.tracee.debug_register(number) for number in range(3)] == [0x1000, 0x2004, 0x3001]
    assert child.tracee.debug_register(7) & 0xFFFF00FF == 0x00F9_0015
    registers.arm([])
    assert child.tracee.debug_register(7) & 0xFF == 0


def test_hits_are_told_once_and_others_stay_silent(child: Child) -> None:
    registers = DebugRegisters(child.tracee)
    gate = Armed(child.gate, 1, Condition.EXECUTE)
    registers.arm([Armed(0x1000, 4, Condition.WRITE), gate])
    assert registers.hits() == ()
    child.call(39)  # getpid, which stops in the gate behind the call
    assert registers.hits() == [gate]
    assert registers.hits() == ()
