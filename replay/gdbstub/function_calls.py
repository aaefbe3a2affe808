"""Noticing that a debugger lets the guest call a function, which looks like any other change of
registers and memory, and that the call is over.

A debugger saves all registers, sets some, puts a return address on the stack at which it has a
breakpoint, lets the guest run, and restores all registers.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitors.ports import Registers
from replay.gdbstub.registers import REGISTERS
from replay.player.stops import Break, View

_ADDRESS_BYTES = 8
_SOURCES = tuple(register.source for register in REGISTERS if register.source)


class FunctionCall:
    """The call that may be under way; of nested ones only the outermost is noticed."""

    def __init__(self) -> None:
        self._before: Registers | None = None
        self._running = False

    def registers_change(self, now: Registers) -> None:
        """A debugger is about to change registers."""
        if self._before is None:
            self._before = dict(now)

    def begins(self, view: View, breaks: Sequence[Break]) -> bool:
        """The guest is about to run: whether that is a call, or part of one."""
        if self._before is not None and not self._running:
            top = view.read(view.registers()["rsp"], _ADDRESS_BYTES) or b""
            returns_to = int.from_bytes(top, "little")
            self._running = any(point.address == returns_to for point in breaks)
            if not self._running:
                self._before = None
        return self._running

    def is_over(self, now: Registers) -> bool:
        """Whether all registers have been restored."""
        if not self._running or self._before is None:
            return False
        if not same_registers(now, self._before):
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """No call is under way."""
        self._before, self._running = None, False


def same_registers(one: Registers, other: Registers) -> bool:
    """Whether all that a debugger saves and restores is the same."""
    return all(one.get(name) == other.get(name) for name in _SOURCES)
