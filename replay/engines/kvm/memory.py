"""Guest memory as slots of a virtual machine.

What the host protects against writing is a private, read-only mapping of the guest's file, so that
a write fails as under a tender and patches in code never get into the file.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitors.ports import Protection
from replay.engines.kvm import api
from replay.engines.kvm.vm import Slot
from replay.engines.paging import PageFault, translate
from replay.engines.ram import PAGE_BYTES, GuestRam

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

_U64_MAX = (1 << 64) - 1

Patch = Callable[[bytes, int], bytes]


@dataclass(slots=True)
class _Guarded:
    """One range that the guest cannot write."""

    start: int
    end: int
    is_code: bool
    copy: mmap.mmap


class SlotMemory:
    """The memory of one guest; ``patch`` makes of code what may run, from the first ``reload`` on.
    Close it behind its machine, which has it mapped."""

    def __init__(self, ram: GuestRam, protections: Sequence[Protection], patch: Patch) -> None:
        self.ram = ram
        self._patch = patch
        guarded = sorted((p for p in protections if not p.writable), key=lambda p: p.start)
        self._guarded = [
            _Guarded(p.start, p.end, p.code, _private(ram, p.start, p.end)) for p in guarded
        ]

    def slots(self) -> list[Slot]:
        """Everything from address 0 to the memory's end, in pieces with equal rights."""
        slots, done = [], 0
        for area in self._guarded:
            if area.start > done:
                slots.append(Slot(done, area.start - done, self.ram.address + done))
            slots.append(Slot(area.start, area.end - area.start, api.address_of(area.copy)))
            done = area.end
        if done < self.ram.size:
            slots.append(Slot(done, self.ram.size - done, self.ram.address + done))
        return slots

    def write(self, gpa: int, data: bytes) -> None:
        """Store ``data``; code that it changes is looked through again."""
        end = gpa + len(data)
        self.ram.view[gpa:end] = data
        for area in self._guarded:
            if area.start < end and gpa < area.end:
                self._fill(area)

    def reload(self) -> None:
        """Memory may have become another."""
        for area in self._guarded:
            self._fill(area)

    def is_guarded(self, gpa: int) -> bool:
        """Whether the guest may not write at ``gpa``."""
        return any(area.start <= gpa < area.end for area in self._guarded)

    def place(self, gva: int, cr3: int) -> int | None:
        """Where a virtual address lies, if it is mapped."""
        place = translate(self._peek, cr3, gva & _U64_MAX)
        return None if isinstance(place, PageFault) else place

    def fetch(self, gva: int, size: int, cr3: int) -> bytes:
        """Up to ``size`` bytes at a virtual address, as far as there are any."""
        found = b""
        while size > 0:
            length = min(size, PAGE_BYTES - gva % PAGE_BYTES)
            place = self.place(gva, cr3)
            data = None if place is None else self._peek(place, length)
            if data is None:
                break
            found, gva, size = found + data, gva + length, size - length
        return found

    def _peek(self, gpa: int, size: int) -> bytes | None:
        end = gpa + size
        return bytes(self.ram.view[gpa:end]) if end <= self.ram.size else None

    def close(self) -> None:
        """Unmap the private copies; twice does no harm."""
        for area in self._guarded:
            area.copy.close()

    def _fill(self, area: _Guarded) -> None:
        original = bytes(self.ram.view[area.start : area.end])
        wanted = self._patch(original, area.start) if area.is_code else original
        if area.copy[:] == wanted:
            return
        _protect(area.copy, mmap.PROT_READ | mmap.PROT_WRITE)
        area.copy[:] = wanted
        _protect(area.copy, mmap.PROT_READ)


def _private(ram: GuestRam, start: int, end: int) -> mmap.mmap:
    rights = mmap.PROT_READ | mmap.PROT_WRITE
    copy = mmap.mmap(ram.fd, end - start, mmap.MAP_PRIVATE, rights, offset=start)
    _protect(copy, mmap.PROT_READ)
    return copy


def _protect(copy: mmap.mmap, rights: int) -> None:
    if _libc.mprotect(api.address_of(copy), len(copy), rights):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
