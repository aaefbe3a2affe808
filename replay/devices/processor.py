"""The nondeterministic instructions, answered by the host: cycle counter and CPUID."""

from __future__ import annotations

import time

from monitors.calls.traps import Cpuid, CpuidReading, ReadTsc, ReadTscp, TscReading
from monitors.vcpu import VirtualCpu

NOMINAL_TSC_HZ = 1_000_000_000
"""The virtual counter's frequency: a tick is a nanosecond of CLOCK_MONOTONIC."""

_ns = time.clock_gettime_ns
_MONOTONIC = time.CLOCK_MONOTONIC


class CycleCounter:
    """A counter of ``tsc_hz`` ticks a second that never shows the same value twice; ``last`` is
    what it has shown.

    Guests harvest entropy from two neighbouring readings, so a frozen counter would break them.
    """

    def __init__(self, tsc_hz: int) -> None:
        self.tsc_hz = tsc_hz
        self.last = 0

    def read(self, _call: ReadTsc | ReadTscp) -> TscReading:
        """The next reading; processor number 0 for RDTSCP."""
        now = _ns(_MONOTONIC)
        if self.tsc_hz != NOMINAL_TSC_HZ:
            now = now * self.tsc_hz // 1_000_000_000
        self.last = now if now > self.last else self.last + 1
        return TscReading(self.last)


class ProcessorIdentity:
    """CPUID of the one virtual processor, the same on every host."""

    def __init__(self, cpu: VirtualCpu) -> None:
        self._cpu = cpu

    def read(self, call: Cpuid) -> CpuidReading:
        """The registers for a leaf and subleaf."""
        return self._cpu.cpuid(call.leaf, call.subleaf)
