"""The engine port: run guest instructions until an exit.

An engine knows CPU and memory and nothing of Solo5. The port is eight methods; every further
ability is a protocol of its own, asked for once with ``isinstance`` where a machine is assembled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from monitors.ports import Exit, Protection, Registers
from replay.engines.ram import GuestRam


class Engine(Protocol):
    """Executes one guest on one CPU."""

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        """Put ``ram`` at guest physical address 0 with the host's write protections over it."""
        ...

    def read(self, gpa: int, size: int) -> bytes:
        """``size`` bytes of guest memory; the caller has checked the bounds."""
        ...

    def write(self, gpa: int, data: bytes) -> None:
        """Change guest memory, and forget code translated from it."""
        ...

    def registers(self) -> Registers:
        """Every architectural register by name."""
        ...

    def set_registers(self, values: Registers) -> None:
        """Change the registers named; the first call must be a complete boot state."""
        ...

    def run(self) -> Exit:
        """Run until an exit. At a crossing, RIP is already past the instruction that crossed."""
        ...

    def interrupt(self) -> None:
        """Make ``run`` return ``Interrupted`` soon; callable from any thread, at any time."""
        ...

    def close(self) -> None:
        """Release what the engine holds of the host."""
        ...


@runtime_checkable
class CountsInstructions(Protocol):
    """Can stop after an exact number of instructions.

    A repeated string instruction counts one per iteration and one for its final test.
    """

    def run_instructions(self, count: int) -> Exit:
        """Run at most ``count`` instructions; ``TargetReached`` when all were executed."""
        ...

    @property
    def instructions_retired(self) -> int:
        """How many instructions the last ``run_instructions`` executed."""
        ...
