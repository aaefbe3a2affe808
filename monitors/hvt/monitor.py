"""The hvt target behind the monitor port: one object for one guest and its devices."""

from __future__ import annotations

from collections.abc import Sequence

from monitors.calls import Result
from monitors.hvt import boot, codec
from monitors.manifest import Attachment, Manifest
from monitors.memory import BoundedMemory
from monitors.ports import (
    BootRequest,
    BootState,
    CheckedMemory,
    Crossing,
    Exit,
    GuestMemory,
    Registers,
)

# hvt_abi.h, HVT_ABI_VERSION 2: the tender wants a buffer's end below, not at, the end of memory.
_SPARE_BYTES = 1


class HvtMonitor:
    """An hvt guest's ABI (HVT_ABI_VERSION 2, x86-64) as pure knowledge; see ``ports.Monitor``."""

    name = "hvt"
    host_errors_end_the_run = True

    def __init__(self, manifest: Manifest, attachments: Sequence[Attachment] = ()) -> None:
        self._devices = codec.Devices.of(manifest, attachments)

    def memory_size(self, mib: int) -> int:
        """The bytes for ``--mem=mib``; raises GuestRefused."""
        return boot.memory_size(mib)

    def boot(self, request: BootRequest) -> BootState:
        """The state at the entry point; raises GuestRefused."""
        return boot.boot_state(request)

    def memory(self, raw: GuestMemory, mem_size: int) -> CheckedMemory:
        """``raw`` behind hvt's bounds rule."""
        return BoundedMemory(raw, mem_size, spare=_SPARE_BYTES)

    def decode(self, exit_: Exit, memory: CheckedMemory) -> Crossing:
        """The call that an exit stands for."""
        return codec.decode(exit_, memory, self._devices)

    def encode(self, crossing: Crossing, result: Result, memory: CheckedMemory) -> Registers:
        """Write a result into the guest; raises BadAnswer."""
        return codec.encode(crossing, result, memory)
