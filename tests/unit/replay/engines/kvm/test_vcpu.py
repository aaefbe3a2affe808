"""The ioctls of a virtual processor: what is sent, and what comes of the answers."""

from __future__ import annotations

import mmap
import struct
from typing import Any

import pytest

from replay.engines.kvm import api, vcpu
from replay.engines.kvm.vcpu import Vcpu, exit_reason


class Kernel:
    """Notes requests; ``done`` is how many model-specific registers it knows."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, int]] = []
        self.sent: dict[int, bytes] = {}
        self.done: int | None = None

    def ioctl(self, _fd: int, request: int, argument: Any) -> int:
        size = 0 if isinstance(argument, int) else len(argument)
        self.requests.append((request, size))
        if request == api.CREATE_VCPU:
            return 1000
        self.sent[request] = b"" if isinstance(argument, int) else bytes(argument)
        if request in (api.GET_MSRS, api.SET_MSRS):
            (count,) = struct.unpack_from("<I", argument)
            for number in range(count):
                struct.pack_into("<Q", argument, 16 + 16 * number, 7 + number)
            return int(count if self.done is None else self.done)
        return 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(vcpu.fcntl, "ioctl", kernel.ioctl)  # type: ignore[attr-defined]
    monkeypatch.setattr(vcpu.mmap, "mmap", lambda _fd, size: _page(size))  # type: ignore[attr-defined]
    monkeypatch.setattr(api, "close", lambda _fd: None)
    return kernel


def _page(size: int, make: Any = mmap.mmap) -> Any:
    return make(-1, size)


@pytest.mark.parametrize(
    ("host_bytes", "request_", "size"),
    [(0, api.GET_XSAVE, 4096), (2696, api.GET_XSAVE, 4096), (11008, api.GET_XSAVE2, 11008)],
    ids=["old kernel", "AVX-512", "AMX"],
)
def test_xsave_areas_are_as_large_as_the_host_has_them(
    kernel: Kernel, host_bytes: int, request_: int, size: int
) -> None:
    processor = Vcpu(5, 4096, host_bytes)
    area = processor.xsave()
    assert kernel.requests[-1] == (request_, size)
    processor.set_xsave(area)
    assert kernel.requests[-1] == (api.SET_XSAVE, size)
    processor.close()


def test_model_specific_registers(kernel: Kernel) -> None:
    processor = Vcpu(5, 4096)
    assert processor.msrs([0x10, 0x11]) == [7, 8]
    processor.set_msrs({0xC0000081: 5})
    assert kernel.sent[api.SET_MSRS][:16] == struct.pack("<IIII", 1, 0, 0xC0000081, 0)
    processor.close()


def test_one_that_the_host_has_not(kernel: Kernel) -> None:
    """KVM stops at the first and says how many it did."""
    processor = Vcpu(5, 4096)
    kernel.done = 1
    with pytest.raises(OSError, match="0x11"):
        processor.msrs([0x10, 0x11])
    with pytest.raises(OSError, match="0x12"):
        processor.set_msrs({0x10: 1, 0x12: 2})
    processor.close()


def test_tables_and_debugging(kernel: Kernel) -> None:
    processor = Vcpu(5, 4096)
    processor.set_cpuid([(7, 0, 1, 2, 3, 4, 5)])
    assert kernel.sent[api.SET_CPUID2] == struct.pack("<II7I12x", 1, 0, 7, 0, 1, 2, 3, 4, 5)
    processor.set_guest_debug(3, range(8))
    assert kernel.sent[api.SET_GUEST_DEBUG] == struct.pack("<II8Q", 3, 0, *range(8))
    processor.set_signals(6)
    assert kernel.sent[api.SET_SIGNAL_MASK] == api.sigset(6)
    processor.close()
    processor.close()


def test_why_the_guest_was_left() -> None:
    page = bytearray(4096)
    page[api.EXIT_REASON_AT] = 17
    assert exit_reason(page) == 17
