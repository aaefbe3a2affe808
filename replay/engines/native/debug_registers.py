"""The processor's debug registers, which stop a traced process by address.

Layout of DR6 and DR7: Intel SDM volume 3, "Debug registers".
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from replay.engines.native.ptrace import Tracee

REGISTERS = 4
_STATUS, _CONTROL = 6, 7
_HITS = (1 << REGISTERS) - 1
_LENGTHS = {1: 0, 2: 1, 4: 3, 8: 2}


class Condition(enum.IntEnum):
    """What a register waits for. There is none for reading only."""

    EXECUTE = 0
    WRITE = 1
    READ_WRITE = 3


@dataclass(frozen=True, slots=True)
class Armed:
    """One register in use: ``size`` is 1, 2, 4 or 8 bytes, naturally aligned; 1 to execute."""

    address: int
    size: int
    condition: Condition


class DebugRegisters:
    """Those of one traced process, which must be stopped."""

    def __init__(self, tracee: Tracee) -> None:
        self._tracee = tracee
        self.armed: Sequence[Armed] = ()

    def arm(self, wanted: Sequence[Armed]) -> None:
        """Replace what they wait for; at most REGISTERS."""
        assert len(wanted) <= REGISTERS, wanted
        if not (wanted or self.armed):
            return
        tracee = self._tracee
        tracee.set_debug_register(_CONTROL, 0)
        control = 0
        for number, each in enumerate(wanted):
            tracee.set_debug_register(number, each.address)
            what = each.condition | _LENGTHS[each.size] << 2
            control |= 1 << 2 * number | what << 16 + 4 * number
        tracee.set_debug_register(_CONTROL, control)
        self.armed = tuple(wanted)

    def hits(self) -> Sequence[Armed]:
        """What has happened since the last time."""
        if not self.armed:
            return ()
        status = self._tracee.debug_register(_STATUS) & _HITS
        if not status:
            return ()
        self._tracee.set_debug_register(_STATUS, 0)
        return [each for number, each in enumerate(self.armed) if status >> number & 1]
