"""The host's clocks."""

from __future__ import annotations

import time

from monitors.calls.clock import ClockReading, MonotonicClock, WallClock

_ns = time.clock_gettime_ns
_REALTIME, _MONOTONIC = time.CLOCK_REALTIME, time.CLOCK_MONOTONIC


def read_wall_clock(_call: WallClock) -> ClockReading:
    """CLOCK_REALTIME in nanoseconds."""
    return ClockReading(_ns(_REALTIME))


def read_monotonic_clock(_call: MonotonicClock) -> ClockReading:
    """CLOCK_MONOTONIC in nanoseconds."""
    return ClockReading(_ns(_MONOTONIC))
