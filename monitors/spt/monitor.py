"""The spt target behind the monitor port: one object for one guest and its devices."""

from __future__ import annotations

from collections.abc import Sequence

from monitors.calls import Result
from monitors.manifest import Attachment
from monitors.ports import (
    Answered,
    BootRequest,
    BootState,
    CheckedMemory,
    Crossing,
    Exit,
    GuestImage,
    GuestMemory,
    Registers,
)
from monitors.spt import boot, codec
from monitors.spt.filter import Filter
from monitors.spt.memory import UserMemory, address_space


class SptMonitor:
    """An spt guest's ABI (SPT_ABI_VERSION 2, x86-64) as pure knowledge; see ``ports.Monitor``."""

    name = "spt"
    host_errors_end_the_run = False

    def __init__(self, image: GuestImage, attachments: Sequence[Attachment] = ()) -> None:
        self._image = image
        self._filter = Filter.of(attachments)

    def memory_size(self, mib: int) -> int:
        """The bytes for ``--mem=mib``; raises GuestRefused."""
        return boot.memory_size(mib)

    def boot(self, request: BootRequest) -> BootState:
        """The state at the entry point; raises GuestRefused."""
        return boot.boot_state(request)

    def memory(self, raw: GuestMemory, mem_size: int) -> CheckedMemory:
        """``raw`` with the rights that the host's kernel would respect."""
        return UserMemory(raw, address_space(self._image, mem_size))

    def decode(self, exit_: Exit, memory: CheckedMemory) -> Crossing | Answered:
        """The call that an exit stands for."""
        return codec.decode(exit_, memory, self._filter)

    def encode(self, crossing: Crossing, result: Result, memory: CheckedMemory) -> Registers:
        """Write a result into the guest; raises BadAnswer."""
        return codec.encode(crossing, result, memory, self._filter)
