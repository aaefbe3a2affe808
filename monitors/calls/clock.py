"""Calls that read a host clock."""

from __future__ import annotations

from dataclasses import dataclass

from monitors.calls.values import crossing_value


@dataclass(frozen=True, slots=True)
class WallClock:
    """Nanoseconds since 1970-01-01 UTC (the host's CLOCK_REALTIME)."""


@dataclass(frozen=True, slots=True)
class MonotonicClock:
    """Nanoseconds from an arbitrary zero that never goes back (the host's CLOCK_MONOTONIC)."""


@crossing_value
class ClockReading:
    """The answer of a clock, in nanoseconds (unsigned 64-bit)."""

    ns: int


WALL_CLOCK = WallClock()
MONOTONIC_CLOCK = MonotonicClock()
