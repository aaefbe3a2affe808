"""What can be seen of a machine that stands still."""

from __future__ import annotations

import re
from collections.abc import Iterator

from monitors.ports import Registers
from replay.engines.paging import PageFault, translate
from replay.engines.ram import PAGE_BYTES
from replay.machine.machine import Machine

_U64_MAX = (1 << 64) - 1
_PREFIXES = rb"[\x26\x2e\x36\x3e\x64-\x67\xf2\xf3]*"
_REPEATED = re.compile(
    _PREFIXES + rb"[\xf2\xf3]" + _PREFIXES + rb"[\x40-\x4f]?[\xa4-\xa7\xaa-\xaf]"
)
_LONGEST_REPEATED = 15


class MachineView:
    """A machine that stands still; see ``replay.player.stops.View``."""

    def __init__(self, machine: Machine, registers: Registers | None = None) -> None:
        """``registers`` are the machine's where it is known that it will not move."""
        self._machine = machine
        self._registers = registers

    def registers(self) -> Registers:
        """Every architectural register by name."""
        return self._machine.engine.registers() if self._registers is None else self._registers

    def still(self) -> MachineView:
        """The same for as long as the machine stands where it does: reading is far quicker."""
        return MachineView(self._machine, self.registers())

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address, or ``None`` where the guest has none."""
        registers = self.registers()
        found = []
        for gpa, length in self.places(registers, address, size):
            if gpa is None:
                return None
            found.append(self._machine.engine.read(gpa, length))
        return b"".join(found)

    def places(
        self, registers: Registers, address: int, size: int
    ) -> Iterator[tuple[int | None, int]]:
        """The physical pieces of ``size`` bytes at a virtual address."""
        while size > 0:
            length = min(size, PAGE_BYTES - address % PAGE_BYTES)
            yield self._physical(registers, address & _U64_MAX, length), length
            address, size = address + length, size - length

    def stands_at_repeated(self) -> bool:
        """Whether the next instruction is a repeated string instruction, perhaps in its midst."""
        rip = self.registers()["rip"]
        size = min(_LONGEST_REPEATED, PAGE_BYTES - rip % PAGE_BYTES)
        code = self.read(rip, size)
        return code is not None and _REPEATED.match(code) is not None

    def _physical(self, registers: Registers, address: int, length: int) -> int | None:
        if registers["cs"] & 3 == 0:
            found = translate(self._peek, registers["cr3"], address)
            if isinstance(found, PageFault):
                return None
            address = found
        return address if address + length <= self._machine.ram.size else None

    def _peek(self, gpa: int, size: int) -> bytes | None:
        inside = gpa + size <= self._machine.ram.size
        return self._machine.engine.read(gpa, size) if inside else None
