"""What the KVM of some hosts accepts and then does not do, found out by trying."""

from __future__ import annotations

import struct
from functools import cache

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.debugging import debug_registers
from replay.engines.kvm.trial import DATA_GPA, PORT, Trial
from replay.engines.ports import Access, Watchpoint

_LIMIT_S = 0.05
# mov [DATA_GPA], eax (by a 32-bit displacement without a base); out PORT, eax
_CODE = b"\x89\x04\x25" + struct.pack("<I", DATA_GPA) + bytes((0xE7, PORT))


@cache
def watchpoints_fire() -> bool:
    """Whether a guest that writes to a watched address is stopped. Kernels that emulate
    instructions load the debug registers and never compare an access with them."""
    try:
        trial = Trial(_CODE)
    except (EngineUnavailable, OSError):
        return False
    try:
        trial.watch(tuple(debug_registers([Watchpoint(DATA_GPA, 4, Access.WRITE)], [])))
        return trial.run(_LIMIT_S) == ExitReason.DEBUG
    except OSError:
        return False
    finally:
        trial.close()
