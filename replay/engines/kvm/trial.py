"""A virtual machine of its own for a test guest of a few instructions, with a limit to its time."""

from __future__ import annotations

import _thread
import mmap
import struct
from collections.abc import Callable, Mapping

from replay.engines.kvm import api
from replay.engines.kvm.deadline import deadline
from replay.engines.kvm.interruption import Interruption
from replay.engines.kvm.processor import Processor
from replay.engines.kvm.vcpu import exit_reason
from replay.engines.kvm.vm import Slot, VirtualMachine

PORT = 0x80
"""Where a test guest puts its answer."""

DATA_GPA = 0x6000
"""Eight KiB from here on are the guest's to write."""

_MEMORY_BYTES = 0x8000
_CODE_GPA, _PML4_GPA = 0x1000, 0x2000
# One table a level, and one page of 2 MiB.
_TABLES = ((0x2000, 0x3063), (0x3000, 0x4063), (0x4000, 0xE3))
_STATE: Mapping[str, int] = {
    "rip": _CODE_GPA,
    "rsp": _MEMORY_BYTES,
    "rflags": 2,
    "cs": 8,
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 0x10),
    "cr0": 0x80010021,
    "cr3": _PML4_GPA,
    "cr4": 0x620,
    "efer": 0x500,
}


class Trial:
    """A guest of 64-bit ``code``; raises EngineUnavailable and OSError. Close it when done."""

    def __init__(self, code: bytes) -> None:
        self._machine = VirtualMachine(is_filtered=False)
        self._memory = mmap.mmap(-1, _MEMORY_BYTES)
        self._interruption = Interruption(self._machine.vcpu)
        self._memory[_CODE_GPA : _CODE_GPA + len(code)] = code
        for gpa, entry in _TABLES:
            struct.pack_into("<Q", self._memory, gpa, entry)
        slot = Slot(0, _MEMORY_BYTES, api.address_of(self._memory))
        try:
            self._machine.set_memory([slot])
        except OSError:
            self.close()
            raise

    def run(self, limit_s: float) -> int:
        """From the first instruction to an exit, whose reason is the result. Raises
        InterruptedError when it comes to none in time, and OSError."""
        vcpu = self._machine.vcpu
        Processor(vcpu).load(_STATE)
        self._interruption.watch_this_thread()
        with deadline(limit_s):
            vcpu.enter()
        return exit_reason(vcpu.page)

    def watch(self, registers: tuple[int, ...]) -> None:
        """Let the processor look for what these debug registers say."""
        control = api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP
        self._machine.vcpu.set_guest_debug(control, registers)

    @property
    def answer(self) -> tuple[int, int]:
        """The port of the last exit for port I/O, and what was written there."""
        page = self._machine.vcpu.page
        _, size, port, _, at = api.IO.unpack_from(page, api.DETAIL_AT)
        return port, int.from_bytes(page[at : at + size], "little")

    def close(self) -> None:
        """Give everything back; nobody waits for the kernel, which takes its time over it."""
        self._interruption.close()
        in_background(self._release)

    def _release(self) -> None:
        self._machine.close()
        self._memory.close()


def in_background(action: Callable[[], None]) -> None:
    """Do it in a thread, and do not wait until that has begun."""
    _thread.start_new_thread(action, ())
