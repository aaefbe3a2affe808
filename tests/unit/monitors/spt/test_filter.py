from __future__ import annotations

import pytest

from monitors.manifest import AttachedBlock, AttachedNet
from monitors.ports import SystemCall
from monitors.spt.abi import EPOLL_FD, TIMER_FD, device_fd
from monitors.spt.filter import Filter
from monitors.spt.linux import Number

DISK, NET, LARGE = device_fd(1), device_fd(2), device_fd(3)
CAPACITY = 65536
UPPER = 1 << 32

FILTER = Filter.of(
    [
        AttachedBlock(1, "disk", CAPACITY, 512),
        AttachedNet(2, "net0", bytes(6), 1500),
        AttachedBlock(3, "large", 8192, 4096),
    ]
)


def call(number: int, *arguments: int, legacy: bool = False) -> SystemCall:
    a, b, c, d, e, f = (*arguments, *[7] * (6 - len(arguments)))
    return SystemCall(number, (a, b, c, d, e, f), 0x101000, legacy=legacy)


ALLOWED = [
    (Number.WRITE, 1),
    (Number.WRITE, NET),
    (Number.READ, NET),
    (Number.PREAD64, DISK, 0, 512, 0),
    (Number.PREAD64, DISK, 0, 512, 100),
    (Number.PREAD64, DISK, 0, 512, CAPACITY - 512),
    (Number.PWRITE64, DISK, 0, 512, CAPACITY - 512),
    (Number.PWRITE64, LARGE, 0, 4096, 4096),
    (Number.CLOCK_GETTIME, 0),
    (Number.CLOCK_GETTIME, 1),
    (Number.EXIT_GROUP, 1000),
    (Number.EPOLL_PWAIT, EPOLL_FD),
    (Number.TIMERFD_SETTIME, TIMER_FD),
    (Number.ARCH_PRCTL, 0x1002),
]

FORBIDDEN = [
    (Number.WRITE, 0),
    (Number.WRITE, 2),
    (Number.WRITE, 1 + UPPER),
    (Number.WRITE, DISK),
    (Number.WRITE, EPOLL_FD),
    (Number.READ, 0),
    (Number.READ, 1),
    (Number.READ, DISK),
    (Number.READ, NET + UPPER),
    (Number.PREAD64, NET, 0, 512, 0),
    (Number.PREAD64, DISK, 0, 511, 0),
    (Number.PREAD64, DISK, 0, 1024, 0),
    (Number.PREAD64, DISK, 0, 512 + UPPER, 0),
    (Number.PREAD64, DISK, 0, 4096, 0),
    (Number.PREAD64, DISK, 0, 512, CAPACITY - 511),
    (Number.PWRITE64, DISK, 0, 512, CAPACITY),
    (Number.PWRITE64, DISK, 0, 512, (1 << 64) - 1),
    (Number.PWRITE64, device_fd(4), 0, 512, 0),
    (Number.CLOCK_GETTIME, 2),
    (Number.CLOCK_GETTIME, UPPER),
    (Number.EPOLL_PWAIT, TIMER_FD),
    (Number.EPOLL_PWAIT, EPOLL_FD + UPPER),
    (Number.TIMERFD_SETTIME, EPOLL_FD),
    (Number.ARCH_PRCTL, 0x1001),
    (Number.ARCH_PRCTL, 0x1003),
    (32, 1),  # dup
    (232, EPOLL_FD),  # epoll_wait
    (60, 0),  # exit
    (Number.WRITE | 0x40000000, 1),  # of the x32 ABI
    (0xFFFFFFFF, 1),
]


@pytest.mark.parametrize("arguments", ALLOWED)
def test_allowed(arguments):
    assert FILTER.allows(call(*arguments))


@pytest.mark.parametrize("arguments", FORBIDDEN)
def test_forbidden(arguments):
    assert not FILTER.allows(call(*arguments))


@pytest.mark.parametrize("arguments", ALLOWED)
def test_no_other_way_to_call_is_allowed(arguments):
    assert not FILTER.allows(call(*arguments, legacy=True))


def test_a_number_has_32_bits():
    assert FILTER.allows(call(Number.WRITE + 5 * UPPER, 1))


@pytest.mark.parametrize(
    "arguments", [a for a in ALLOWED if len(a) > 1 and a[1] in (DISK, NET, LARGE)]
)
def test_without_devices_there_is_nothing_to_transfer(arguments):
    assert not Filter().allows(call(*arguments))
