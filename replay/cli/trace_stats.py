"""``solo5-trace stats``: what a run did how often, how much it moved, and where its time went.

Events carry no time of their own. All times here are the guest's: differences between the readings
of one clock that the guest took itself, the clock that it read most often. What happened between
two readings is only known to have taken no longer than that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitors.calls.block import BlockData
from monitors.calls.net import NetFrame
from traces.errors import DamagedTrace
from traces.events import BytesDigest, Event, KnownData
from traces.header import Header
from traces.reader import Trace

_NS_PER_S = 1_000_000_000
_OK, _AGAIN = 0, 1
_POLL = "Poll"

GAP_LIMITS_NS = tuple(10**power for power in range(3, 11))
"""Upper limits of the groups of gaps: 1 µs to 10 s; the last group has none."""


@dataclass(slots=True)
class Transfers:
    """What one device did: requests that succeeded and their bytes, seen from the guest."""

    requests_in: int = 0
    bytes_in: int = 0
    requests_out: int = 0
    bytes_out: int = 0
    empty: int = 0
    refused: int = 0


@dataclass(slots=True)
class ClockTimes:
    """What successive readings of one clock say. ``unit_hz`` is its ticks per second.

    ``busy`` and ``waiting`` count gaps by ``GAP_LIMITS_NS``: without a poll in between, and with.
    ``polls`` are those with a reading before and one behind, ``polls_ns`` the gaps around them.
    """

    name: str
    unit_hz: int
    readings: int = 0
    span_ns: int = 0
    went_back: int = 0
    first_event: int = 0
    last_event: int = 0
    polls: int = 0
    polls_ns: int = 0
    longest_ns: int = 0
    longest_before: int = 0
    busy: list[int] = field(default_factory=lambda: [0] * (len(GAP_LIMITS_NS) + 1))
    waiting: list[int] = field(default_factory=lambda: [0] * (len(GAP_LIMITS_NS) + 1))
    _last: int = 0
    _first_calls: Mapping[str, int] = field(default_factory=dict)
    _last_calls: Mapping[str, int] = field(default_factory=dict)

    def read(self, value: int, event: int, calls: Mapping[str, int]) -> None:
        """Take a reading; ``calls`` counts all calls up to it."""
        self.readings += 1
        before, self._last_calls = self._last_calls, dict(calls)
        self.last_event = event
        if self.readings == 1:
            self.first_event = event
            self._first_calls = self._last_calls
        else:
            polls = calls.get(_POLL, 0) - before.get(_POLL, 0)
            self._gap((value - self._last) * _NS_PER_S // self.unit_hz, event, polls)
        self._last = value

    def per_second(self, call: str) -> float | None:
        """How many such calls a second there were between the first reading and the last; None
        where there were none."""
        count = self._last_calls.get(call, 0) - self._first_calls.get(call, 0)
        return count * _NS_PER_S / self.span_ns if count and self.span_ns else None

    def _gap(self, gap_ns: int, event: int, inside: int) -> None:
        if gap_ns < 0:
            self.went_back += 1
            return
        group = bisect_right(GAP_LIMITS_NS, gap_ns)
        (self.waiting if inside else self.busy)[group] += 1
        self.span_ns += gap_ns
        if inside:
            self.polls += inside
            self.polls_ns += gap_ns
        if gap_ns > self.longest_ns:
            self.longest_ns, self.longest_before = gap_ns, event


@dataclass(slots=True)
class Polls:
    """All polls; ``passed`` found no device ready, so their timeouts (``passed_ns``) passed."""

    count: int = 0
    passed: int = 0
    passed_ns: int = 0


class Statistics:
    """Counts one run's events; ``damage`` is what ended the reading early."""

    def __init__(self, header: Header) -> None:
        self.calls: Counter[str] = Counter()
        self.console = Transfers()
        self.devices = {device.handle: Transfers() for device in header.boot.devices}
        self.elsewhere = Transfers()
        self.polls = Polls()
        self.damage: DamagedTrace | None = None
        self.clocks = (
            ClockTimes("cycle counter", header.machine.tsc_hz),
            ClockTimes("monotonic clock", _NS_PER_S),
            ClockTimes("wall clock", _NS_PER_S),
        )
        cycles, monotonic, wall = self.clocks
        self._counts: dict[str, Callable[[Event, Any], None]] = {
            "ReadTsc": lambda event, result: self._read(cycles, event, result.cycles),
            "ReadTscp": lambda event, result: self._read(cycles, event, result.cycles),
            "MonotonicClock": lambda event, result: self._read(monotonic, event, result.ns),
            "WallClock": lambda event, result: self._read(wall, event, result.ns),
            _POLL: self._poll,
            "ConsoleWrite": self._printed,
            "BlockRead": self._came,
            "NetRead": self._came,
            "BlockWrite": self._went,
            "NetWrite": self._went,
        }

    @property
    def clock(self) -> ClockTimes | None:
        """The clock that was read most often, if any."""
        most = max(self.clocks, key=lambda clock: clock.readings)
        return most if most.readings else None

    def take(self, event: Event) -> None:
        """Count one event."""
        name = event.call.name
        self.calls[name] += 1
        count = self._counts.get(name)
        if count is not None:
            count(event, event.result)

    def _read(self, clock: ClockTimes, event: Event, value: int) -> None:
        clock.read(value, event.index, self.calls)

    def _poll(self, event: Event, result: Any) -> None:
        self.polls.count += 1
        if not result.ready_set:
            self.polls.passed += 1
            self.polls.passed_ns += _number(event, "timeout_ns")

    def _printed(self, event: Event, _result: Any) -> None:
        self.console.requests_out += 1
        self.console.bytes_out += _given_bytes(event)

    def _came(self, event: Event, result: BlockData | NetFrame | KnownData) -> None:
        device = self._device(event)
        if isinstance(result, KnownData):
            size = _number(event, "length")
        elif result.status == _OK:
            size = len(result.data)
        else:
            _count_failure(device, result.status)
            return
        device.requests_in += 1
        device.bytes_in += size

    def _went(self, event: Event, result: Any) -> None:
        device = self._device(event)
        if result.status != _OK:
            _count_failure(device, result.status)
            return
        device.requests_out += 1
        device.bytes_out += _given_bytes(event)

    def _device(self, event: Event) -> Transfers:
        return self.devices.get(_number(event, "handle"), self.elsewhere)


def gather(trace: Trace) -> Statistics:
    """Count all events of ``trace``, up to its first damage."""
    found = Statistics(trace.header)
    found.damage = trace.damage
    take = found.take
    try:
        for event in trace.events():
            take(event)
    except DamagedTrace as error:
        found.damage = found.damage or error
    return found


def _count_failure(device: Transfers, status: int) -> None:
    if status == _AGAIN:
        device.empty += 1
    else:
        device.refused += 1


def _given_bytes(event: Event) -> int:
    data = dict(event.call.fields).get("data")
    return data.length if isinstance(data, BytesDigest) else 0


def _number(event: Event, name: str) -> int:
    value = dict(event.call.fields).get(name)
    return value if isinstance(value, int) else 0
