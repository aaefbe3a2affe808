"""A call of a function is known by what a debugger does before and after it."""

from __future__ import annotations

from monitors.ports import Registers
from replay.gdbstub.function_calls import FunctionCall, same_registers
from replay.player.stops import Break

BEFORE = {"rsp": 0x1000, "rip": 1, "rax": 2}


class Stack:
    """A guest whose stack holds one return address."""

    def __init__(self, address: int | None) -> None:
        self._address = address

    def registers(self) -> Registers:
        return {**BEFORE, "rip": 9}

    def read(self, address: int, size: int) -> bytes | None:
        assert (address, size) == (0x1000, 8)
        return None if self._address is None else self._address.to_bytes(8, "little")


def test_from_its_beginning_to_its_end() -> None:
    call = FunctionCall()
    call.registers_change(BEFORE)
    assert call.begins(Stack(0x500), [Break(0x400), Break(0x500)])
    call.registers_change({**BEFORE, "rip": 0x500})
    assert call.begins(Stack(0x777), [])  # it goes on
    assert not call.is_over({**BEFORE, "rax": 3})
    assert call.is_over(BEFORE)
    assert not call.is_over(BEFORE)


def test_what_is_no_call() -> None:
    call = FunctionCall()
    assert not call.begins(Stack(0x500), [Break(0x500)])  # no register was changed
    for stack in (Stack(0x500), Stack(None)):
        call.registers_change(BEFORE)
        assert not call.begins(stack, [Break(0x501)])
        assert not call.is_over(BEFORE)


def test_registers_are_compared_as_far_as_debuggers_know_them() -> None:
    assert same_registers(BEFORE, {**BEFORE, "lstar": 5})
    assert not same_registers(BEFORE, {**BEFORE, "cr2": 5})
