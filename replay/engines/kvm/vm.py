"""One virtual machine of KVM: its memory slots, its processor and what both may not do."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass

from monitors.vcpu import VirtualCpu, virtual_cpu
from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api
from replay.engines.kvm.device import open_device
from replay.engines.kvm.msrs import deny_all_but_known
from replay.engines.kvm.vcpu import Vcpu
from replay.engines.ram import PAGE_BYTES

DEFAULT_CPU = "westmere"
_NEEDED = {
    api.CAP_SYNC_REGS: "registers in the shared page (KVM_CAP_SYNC_REGS)",
    api.CAP_IMMEDIATE_EXIT: "exits at once (KVM_CAP_IMMEDIATE_EXIT)",
    api.CAP_X86_USER_SPACE_MSR: "exits for model-specific registers (KVM_CAP_X86_USER_SPACE_MSR)",
    api.CAP_X86_MSR_FILTER: "filters for model-specific registers (KVM_CAP_X86_MSR_FILTER)",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """``size`` bytes at guest address ``gpa``, which lie at ``address`` in this process."""

    gpa: int
    size: int
    address: int


class VirtualMachine:
    """Closes whatever it opened when anything fails; close it, and its memory may go.

    ``is_filtered``: the guest's model-specific registers are ours to answer for, which takes the
    kernel a while to arrange. Raises EngineUnavailable.
    """

    def __init__(self, *, is_filtered: bool = True) -> None:
        self._slots: Sequence[Slot] = ()
        self._fd = -1
        system = open_device()
        try:
            self._fd = fcntl.ioctl(system, api.CREATE_VM, 0)
            _check_capabilities(self._fd)
            if is_filtered:
                deny_all_but_known(self._fd)
            _disable_quirks(self._fd)
            page_bytes = fcntl.ioctl(system, api.GET_VCPU_MMAP_SIZE, 0)
            xsave_bytes = fcntl.ioctl(self._fd, api.CHECK_EXTENSION, api.CAP_XSAVE2)
            self.vcpu = Vcpu(self._fd, page_bytes, xsave_bytes)
            self.vcpu.set_cpuid(cpuid_entries(virtual_cpu(DEFAULT_CPU)))
        except OSError as error:
            self.close()
            raise EngineUnavailable("kvm", f"no virtual machine: {error.strerror}") from error
        except BaseException:
            self.close()
            raise
        finally:
            api.close(system)

    def set_memory(self, slots: Sequence[Slot], flags: int = 0) -> None:
        """Map ``slots``, or change their flags."""
        self._slots = tuple(slots)
        for number, slot in enumerate(slots):
            region = api.MEMORY_REGION.pack(number, flags, slot.gpa, slot.size, slot.address)
            fcntl.ioctl(self._fd, api.SET_USER_MEMORY_REGION, region)

    def dirty_pages(self) -> list[int]:
        """The pages that the guest wrote since the last call, where slots have that flag."""
        found: list[int] = []
        for number, slot in enumerate(self._slots):
            bitmap = bytearray(-(-slot.size // PAGE_BYTES // 64) * 8)
            request = api.DIRTY_LOG.pack(number, api.address_of(bitmap))
            fcntl.ioctl(self._fd, api.GET_DIRTY_LOG, request)
            found += (slot.gpa // PAGE_BYTES + page for page in _set_bits(bitmap))
        return found

    def close(self) -> None:
        """Destroy the machine; twice does no harm."""
        vcpu = getattr(self, "vcpu", None)
        if vcpu is not None:
            vcpu.close()
        if self._fd >= 0:
            api.close(self._fd)
            self._fd = -1


def cpuid_entries(cpu: VirtualCpu) -> Sequence[tuple[int, int, int, int, int, int, int]]:
    """The table of a virtual processor as KVM takes it."""
    entries = []
    for row in cpu.leaves:
        reading = row.reading
        flags = 0 if row.subleaf is None else api.CPUID_INDEX_MATTERS
        registers = reading.eax, reading.ebx, reading.ecx, reading.edx
        entries.append((row.leaf, row.subleaf or 0, flags, *registers))
    return entries


def _check_capabilities(vm: int) -> None:
    for number, what in _NEEDED.items():
        if fcntl.ioctl(vm, api.CHECK_EXTENSION, number) <= 0:
            remedy = "use Linux 5.10 or later"
            raise EngineUnavailable("kvm", f"this host's KVM has no {what}", remedy)


def _disable_quirks(vm: int) -> None:
    """Ask for a processor without KVM's old habits, as far as the kernel can leave them."""
    known = max(fcntl.ioctl(vm, api.CHECK_EXTENSION, api.CAP_DISABLE_QUIRKS2), 0)
    unwanted = known & api.QUIRKS_UNWANTED
    if unwanted:
        enable = api.ENABLE.pack(api.CAP_DISABLE_QUIRKS2, 0, unwanted, 0, 0, 0)
        fcntl.ioctl(vm, api.ENABLE_CAP, enable)


def _set_bits(bitmap: bytearray) -> list[int]:
    found = []
    for at in range(0, len(bitmap), 8):
        word = int.from_bytes(bitmap[at : at + 8], "little")
        while word:
            lowest = word & -word
            found.append(at * 8 + lowest.bit_length() - 1)
            word ^= lowest
    return found
