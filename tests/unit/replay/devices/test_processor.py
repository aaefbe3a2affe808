from __future__ import annotations

import time

import pytest

from monitors.calls.traps import READ_TSC, READ_TSCP, Cpuid
from monitors.vcpu import virtual_cpu
from replay.devices import processor
from replay.devices.processor import NOMINAL_TSC_HZ, CycleCounter, ProcessorIdentity


class StoppedClock:
    """The host's clock, which shows ``ns``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ns: int) -> None:
        self.ns = ns
        monkeypatch.setattr(processor, "_ns", lambda _clock: self.ns)


def test_a_cycle_is_a_nanosecond_of_the_host() -> None:
    counter = CycleCounter(NOMINAL_TSC_HZ)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    reading = counter.read(READ_TSC)
    assert before <= reading.cycles <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert reading.aux == 0


def test_no_two_readings_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, counter = StoppedClock(monkeypatch, 1000), CycleCounter(NOMINAL_TSC_HZ)
    assert [counter.read(READ_TSC).cycles for _ in range(3)] == [1000, 1001, 1002]
    assert counter.read(READ_TSCP).cycles == 1003
    clock.ns = 500
    assert counter.read(READ_TSC).cycles == 1004
    clock.ns = 2000
    assert counter.read(READ_TSC).cycles == 2000


@pytest.mark.parametrize(
    ("tsc_hz", "cycles"), [(3_000_000_000, 30), (500_000_000, 5), (NOMINAL_TSC_HZ, 10)]
)
def test_other_frequencies(monkeypatch: pytest.MonkeyPatch, tsc_hz: int, cycles: int) -> None:
    StoppedClock(monkeypatch, 10)
    assert CycleCounter(tsc_hz).read(READ_TSC).cycles == cycles


def test_cpuid_is_that_of_the_virtual_processor() -> None:
    cpu = virtual_cpu("westmere+rdrand")
    identity = ProcessorIdentity(cpu)
    for leaf in (0, 1, 7, 0x40000000, 0x80000001, 0xFFFFFFFF):
        assert identity.read(Cpuid(leaf, 0)) == cpu.cpuid(leaf, 0)
