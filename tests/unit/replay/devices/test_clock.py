from __future__ import annotations

import time

from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK
from replay.devices.clock import read_monotonic_clock, read_wall_clock


def test_wall_time_is_that_of_the_host() -> None:
    before = time.clock_gettime_ns(time.CLOCK_REALTIME)
    reading = read_wall_clock(WALL_CLOCK).ns
    after = time.clock_gettime_ns(time.CLOCK_REALTIME)
    assert before <= reading <= after


def test_monotonic_time_never_goes_back() -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    readings = [read_monotonic_clock(MONOTONIC_CLOCK).ns for _ in range(1000)]
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert before <= readings[0]
    assert readings == sorted(readings)
    assert readings[-1] <= after
