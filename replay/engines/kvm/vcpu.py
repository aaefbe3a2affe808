"""One virtual processor of KVM: the page it shares with its user, and its ioctls."""

from __future__ import annotations

import fcntl
import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from replay.engines.kvm import api

_U32 = struct.Struct("<I")


class VirtualProcessor(Protocol):
    """What the engine needs of a virtual processor; ``page`` is its ``struct kvm_run``."""

    @property
    def page(self) -> mmap.mmap | bytearray: ...

    @property
    def enter(self) -> Callable[[], object]:
        """KVM_RUN; raises InterruptedError and OSError."""
        ...

    def xsave(self) -> bytearray: ...

    def set_xsave(self, area: bytes | bytearray) -> None: ...

    def msrs(self, numbers: Sequence[int]) -> Sequence[int]: ...

    def set_msrs(self, values: Mapping[int, int]) -> None: ...

    def set_guest_debug(self, control: int, registers: Sequence[int]) -> None: ...

    def set_signals(self, signals: int) -> None: ...

    def close(self) -> None: ...


class Vcpu:
    """The only virtual processor of a machine."""

    def __init__(self, vm: int, page_bytes: int, xsave_bytes: int = api.XSAVE_BYTES) -> None:
        self._xsave_bytes = max(xsave_bytes, api.XSAVE_BYTES)
        self._fd = fcntl.ioctl(vm, api.CREATE_VCPU, 0)
        try:
            self.page = mmap.mmap(self._fd, page_bytes)
        except BaseException:
            api.close(self._fd)
            raise
        self.enter: Callable[[], object] = partial(fcntl.ioctl, self._fd, api.RUN, 0)
        self._closed = False

    def xsave(self) -> bytearray:
        """The XSAVE area: the legacy part, its header and what the host has besides."""
        area = bytearray(self._xsave_bytes)
        request = api.GET_XSAVE if self._xsave_bytes == api.XSAVE_BYTES else api.GET_XSAVE2
        fcntl.ioctl(self._fd, request, area)
        return area

    def set_xsave(self, area: bytes | bytearray) -> None:
        """Load an area that ``xsave`` gave, changed or not."""
        fcntl.ioctl(self._fd, api.SET_XSAVE, bytearray(area))

    def msrs(self, numbers: Sequence[int]) -> Sequence[int]:
        """The values of model-specific registers; raises OSError for one that there is not."""
        entries = b"".join(api.MSR_ENTRY.pack(number, 0) for number in numbers)
        buffer = bytearray(struct.pack("<II", len(numbers), 0) + entries)
        done = fcntl.ioctl(self._fd, api.GET_MSRS, buffer)
        _check_all(done, numbers)
        return [value for _, value in api.MSR_ENTRY.iter_unpack(buffer[8:])]

    def set_msrs(self, values: Mapping[int, int]) -> None:
        """Change model-specific registers; raises OSError for one that does not take its value."""
        entries = b"".join(api.MSR_ENTRY.pack(*entry) for entry in values.items())
        buffer = bytearray(struct.pack("<II", len(values), 0) + entries)
        done = fcntl.ioctl(self._fd, api.SET_MSRS, buffer)
        _check_all(done, list(values))

    def set_guest_debug(self, control: int, registers: Sequence[int]) -> None:
        """Debug the guest with its own debug registers out of the way."""
        fcntl.ioctl(self._fd, api.SET_GUEST_DEBUG, api.GUEST_DEBUG.pack(control, 0, *registers))

    def set_signals(self, signals: int) -> None:
        """The kernel's set of signals that are blocked while the guest runs."""
        fcntl.ioctl(self._fd, api.SET_SIGNAL_MASK, api.sigset(signals))

    def set_cpuid(self, entries: Sequence[tuple[int, int, int, int, int, int, int]]) -> None:
        """The answers to CPUID, and by them what the processor has."""
        packed = b"".join(api.CPUID_ENTRY.pack(*entry) for entry in entries)
        buffer = bytearray(struct.pack("<II", len(entries), 0) + packed)
        fcntl.ioctl(self._fd, api.SET_CPUID2, buffer)

    def close(self) -> None:
        """Give it back; twice does no harm."""
        if not self._closed:
            self._closed = True
            self.page.close()
            api.close(self._fd)


def exit_reason(page: mmap.mmap | bytearray) -> int:
    """Why the guest was left."""
    reason: int = _U32.unpack_from(page, api.EXIT_REASON_AT)[0]
    return reason


def _check_all(done: int, numbers: Sequence[int]) -> None:
    if done != len(numbers):
        raise OSError(f"KVM has no model-specific register {numbers[done]:#x}, or not this value")
