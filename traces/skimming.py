"""Passing over many events at once: what kind each is and when it was, and nothing else of it.

``skim`` uses the compiled twin (``event_skimming.h``) where there is one; what that does not take
is read again here, where there are words for it. Both give the same numbers.

Time is the guest's own, as it is known by then: nanoseconds since its first reading of any clock.
Every monotonic clock (``MonotonicClock``, and the cycle counter at the machine's frequency) counts
from where time stood when it was first read; time never runs back. The wall clock moves it only
where no other has been read. How far the wall clock is ahead of it is noted whenever that changes
by more than ``WALL_TOLERANCE_NS``.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from traces import tags
from traces.buffer import PURE_PYTHON_VARIABLE
from traces.codec import EventDecoder
from traces.errors import BadEvent
from traces.limits import BLOCK_BYTES
from traces.packing import Malformed, OutOfData, new_event_unpacker, unpack_single_event
from traces.tags import SPECS

Readings = tuple[int, int, int, int]
"""What ``EventDecoder.state`` gives: the previous reading of each clock in a block."""

NO_READINGS: Readings = (0, 0, 0, 0)
WALL_TOLERANCE_NS = 100_000
_LARGE_BYTES = 2 * BLOCK_BYTES
"""Beyond this a payload is a single event: blocks of older versions may grow, but not so much."""
_NS_PER_S = 1_000_000_000
_NS_MAX = 2**63 - 1
_SEEN_MONOTONIC, _SEEN_CYCLES, _SEEN_WALL = 1, 2, 4
_FIELDS = frozenset((int, bytes, type(None)))


class Clock(NamedTuple):
    """Time between two events: ``now``, where each clock has its zero, and which have been read."""

    now: int = 0
    monotonic_zero: int = 0
    cycles_zero: int = 0
    wall_offset: int = 0
    seen: int = 0


NO_CLOCK = Clock()
"""Before the first event."""


@dataclass(frozen=True, slots=True)
class Skimmed:
    """``count`` events up to ``offset`` of the payload.

    ``kinds`` has a tag and ``times`` a native signed 64-bit number for each; ``walls`` says behind
    which of them the wall clock is how far ahead of the time. ``readings`` and ``clock`` are those
    behind the last. ``damage``: why there are fewer than were asked for.
    """

    count: int
    offset: int
    kinds: bytes
    times: bytes
    walls: list[tuple[int, int]]
    readings: Readings
    clock: Clock
    damage: BadEvent | None = None


class Skimmer:
    """Skims the events of one trace, whose cycle counter runs at ``tsc_hz``."""

    def __init__(self, tsc_hz: int) -> None:
        self._tsc_hz = tsc_hz
        self._compiled = _compiled_skim()

    def skim(
        self,
        payload: bytes,
        offset: int,
        count: int,
        readings: Readings = NO_READINGS,
        clock: Clock = NO_CLOCK,
    ) -> Skimmed:
        """At most ``count`` events of a block from ``offset`` on; never raises for bad ones."""
        if self._compiled is not None and len(payload) <= _LARGE_BYTES:
            taken = self._compiled(payload, offset, count, readings, clock, self._tsc_hz)
            if taken[0] == count:
                return Skimmed(*taken[:6], Clock(*taken[6]))
        return _Skim(self._tsc_hz, readings, clock).run(payload, offset, count)


class _Skim:
    """One skimming in Python."""

    def __init__(self, tsc_hz: int, readings: Readings, clock: Clock) -> None:
        self._tsc_hz = tsc_hz
        self._decoder = EventDecoder()
        self._decoder.restore(readings)
        self._readings = readings
        self._clock = clock
        self._kinds = bytearray()
        self._times = array("q")
        self._walls: list[tuple[int, int]] = []

    def run(self, payload: bytes, offset: int, count: int) -> Skimmed:
        take = _large_event(payload) if len(payload) > _LARGE_BYTES else _events(payload, offset)
        damage = None
        try:
            while len(self._kinds) < count:
                array, end = take()
                self._note(array)
                offset = end
        except BadEvent as error:
            damage = error
        except (OutOfData, *Malformed) as error:
            why = "it is cut off" if isinstance(error, OutOfData) else str(error)
            damage = BadEvent(f"is not msgpack as the format allows it ({why})")
        kinds, times = bytes(self._kinds), self._times.tobytes()
        rest = (self._walls, self._readings, self._clock, damage)
        return Skimmed(len(kinds), offset, kinds, times, *rest)

    def _note(self, array: object) -> None:
        """Notes what one event says, all of it or, for a BadEvent, nothing."""
        tag = _tag_of(array)
        self._decoder.pass_over(array)
        self._readings = wall, monotonic, *cycles = self._decoder.state()
        match tag:
            case tags.WALL_CLOCK:
                self._wall(min(wall, _NS_MAX))
            case tags.MONOTONIC_CLOCK:
                self._monotonic(min(monotonic, _NS_MAX))
            case tags.READ_TSC:
                self._cycles(cycles[0])
            case tags.READ_TSCP:
                self._cycles(cycles[1])
        self._kinds.append(tag)
        self._times.append(self._clock.now)

    def _monotonic(self, ns: int) -> None:
        clock = self._clock
        zero = clock.monotonic_zero if clock.seen & _SEEN_MONOTONIC else ns - clock.now
        now = max(clock.now, min(ns - zero, _NS_MAX))
        seen = clock.seen | _SEEN_MONOTONIC
        self._clock = clock._replace(now=now, monotonic_zero=zero, seen=seen)

    def _cycles(self, cycles: int) -> None:
        clock = self._clock
        ns = min(cycles * _NS_PER_S // self._tsc_hz, _NS_MAX)
        zero = clock.cycles_zero if clock.seen & _SEEN_CYCLES else ns - clock.now
        now = max(clock.now, min(ns - zero, _NS_MAX))
        self._clock = clock._replace(now=now, cycles_zero=zero, seen=clock.seen | _SEEN_CYCLES)

    def _wall(self, ns: int) -> None:
        clock = self._clock
        known = clock.seen & _SEEN_WALL
        if known and not clock.seen & (_SEEN_MONOTONIC | _SEEN_CYCLES):
            now = max(clock.now, min(ns - clock.wall_offset, _NS_MAX))
            self._clock = clock = clock._replace(now=now)
        offset = ns - clock.now
        if not known or abs(offset - clock.wall_offset) > WALL_TOLERANCE_NS:
            self._clock = clock._replace(wall_offset=offset, seen=clock.seen | _SEEN_WALL)
            self._walls.append((len(self._kinds), offset))


def _tag_of(array: object) -> int:
    if type(array) is not list or not array or type(array[0]) is not int:
        raise BadEvent("is not an array of a tag and fields")
    tag = array[0]
    if tag not in SPECS:
        raise BadEvent(f"tag {tag} is unknown to this version")
    if not all(type(field) in _FIELDS for field in array):
        raise BadEvent(f"fields of tag {tag} are missing or mistyped")
    return tag


def _events(payload: bytes, offset: int) -> Callable[[], tuple[object, int]]:
    """Gives the arrays of a block one by one, and where each ends."""
    unpacker = new_event_unpacker()
    unpacker.feed(memoryview(payload)[offset:])

    def take() -> tuple[object, int]:
        array = unpacker.unpack()
        return array, offset + unpacker.tell()

    return take


def _large_event(payload: bytes) -> Callable[[], tuple[object, int]]:
    """Gives the only event of a large block."""
    return lambda: (unpack_single_event(payload), len(payload))


_ClockState = tuple[int, int, int, int, int]
_Taken = tuple[int, int, bytes, bytes, list[tuple[int, int]], Readings, _ClockState]


def _compiled_skim() -> Callable[[bytes, int, int, Readings, _ClockState, int], _Taken] | None:
    if os.environ.get(PURE_PYTHON_VARIABLE):
        return None
    try:
        from traces._events import skim
    except ImportError:
        return None
    return skim
