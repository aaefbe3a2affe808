"""A world as unkind as a world may be: busy hosts, bad networks and failing disks, out of a seed.

It stands between the live source and the recording, so that whatever it does is simply what was
recorded, and a replay needs no seed. Time only ever passes faster than it did: a wait that ends
late takes no longer here.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.net import IoStatus, NetFrame, NetRead
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import ReadTsc, ReadTscp, TscReading
from replay.machine.ports import Source

FAMILIES = ("clock", "poll", "net", "block")
SEED_MAX = (1 << 32) - 1

_RATES = (1 / 4, 1 / 16, 1 / 64)
"""How often something happens; one of them for each family in a run."""

_AGAIN, _EUNSPEC = 1, 3  # solo5.h, SOLO5_R_*
_OK = 0
_HELD_FRAMES_MAX = 16
_SHORTEST_LOG2_NS, _LONGEST_LOG2_NS = 10, 36  # a microsecond, a minute
_JUMP_LOG2_NS = 42  # more than an hour: somebody sets the clock
_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_U64 = (1 << 64) - 1


class Chaos:
    """A source that answers from ``inner``, mostly; ``done`` counts what it did, by name."""

    def __init__(
        self, inner: Source, seed: int, tsc_hz: int, families: Iterable[str] = FAMILIES
    ) -> None:
        self.done: Counter[str] = Counter()
        self.seed = seed
        self.families = frozenset(families)
        self._inner = inner.answer
        self._tsc_hz = tsc_hz
        self._random = chance = random.Random(seed)
        # All are drawn, so that a family does the same whatever others are with it.
        rates = {family: chance.choice(_RATES) for family in FAMILIES}
        self._rates = {family: rates[family] for family in self.families}
        self._ahead_ns = 0
        self._wall_ns = 0
        self._frames: defaultdict[int, deque[NetFrame]] = defaultdict(deque)
        self._handlers: dict[type[Call], Callable[[Any], Result]] = {
            WallClock: self._wall_clock,
            MonotonicClock: self._monotonic_clock,
            ReadTsc: self._counter,
            ReadTscp: self._counter,
            Poll: self._poll,
            SetTimer: self._set_timer,
            WaitReady: self._wait_ready,
            NetRead: self._net_read,
            BlockRead: self._block,
            BlockWrite: self._block,
        }

    def answer(self, call: Call) -> Result:
        """See ``replay.machine.ports.Source``."""
        return self._handlers.get(type(call), self._inner)(call)

    def _happens(self, family: str, what: str) -> bool:
        if self._random.random() >= self._rates.get(family, 0.0):
            return False
        self.done[what] += 1
        return True

    def _some_time(self, longest_log2: int = _LONGEST_LOG2_NS) -> int:
        """Short times as often as long ones."""
        return int(2 ** self._random.uniform(_SHORTEST_LOG2_NS, longest_log2))

    def _pass_time(self, family: str, what: str) -> None:
        if self._happens(family, what):
            self._ahead_ns += self._some_time()

    def _wall_clock(self, call: WallClock) -> Result:
        self._pass_time("clock", "clock ahead")
        if self._happens("clock", "wall clock set"):
            self._wall_ns += self._random.choice((-1, 1)) * self._some_time(_JUMP_LOG2_NS)
        result = self._inner(call)
        assert isinstance(result, ClockReading)
        return ClockReading(min(max(0, result.ns + self._ahead_ns + self._wall_ns), _U64))

    def _monotonic_clock(self, call: MonotonicClock) -> Result:
        self._pass_time("clock", "clock ahead")
        result = self._inner(call)
        assert isinstance(result, ClockReading)
        return ClockReading(result.ns + self._ahead_ns)

    def _counter(self, call: ReadTsc | ReadTscp) -> Result:
        self._pass_time("clock", "clock ahead")
        result = self._inner(call)
        assert isinstance(result, TscReading)
        ahead = self._ahead_ns * self._tsc_hz // _NS_PER_S
        return replace(result, cycles=result.cycles + ahead)

    def _poll(self, call: Poll) -> Result:
        if waiting := self._waiting():
            return PollResult(waiting)
        if call.timeout_ns and self._happens("poll", "wait ends early"):
            call = Poll(self._random.randrange(call.timeout_ns))
        result = self._inner(call)
        self._pass_time("poll", "wait ends late")
        return result

    def _wait_ready(self, call: WaitReady) -> Result:
        if waiting := self._waiting():
            result = self._inner(WaitReady(0))
            assert isinstance(result, ReadySet)
            return ReadySet(result.ready_set | waiting, result.timer_fired)
        if call.timeout_ms > 0 and self._happens("poll", "wait ends early"):
            call = WaitReady(self._random.randrange(call.timeout_ms))
        result = self._inner(call)
        self._pass_time("poll", "wait ends late")
        return result

    def _set_timer(self, call: SetTimer) -> Result:
        """The guest's clock is ahead of the host's."""
        return self._inner(SetTimer(max(1, call.at_ns - self._ahead_ns) if call.at_ns else 0))

    def _waiting(self) -> int:
        return sum(1 << handle for handle, frames in self._frames.items() if frames)

    def _net_read(self, call: NetRead) -> Result:
        held = self._frames[call.handle]
        if held and not self._happens("net", "frames swapped"):
            return self._fitting(held.popleft(), call)
        result = self._inner(call)
        assert isinstance(result, NetFrame)
        if result.status != _OK:
            return self._fitting(held.popleft(), call) if held else result
        return self._arrived(result, call, held)

    def _arrived(self, frame: NetFrame, call: NetRead, held: deque[NetFrame]) -> Result:
        if self._happens("net", "frame lost"):
            return NetFrame(_AGAIN, b"")
        room = len(held) < _HELD_FRAMES_MAX
        if room and self._happens("net", "frame twice"):
            held.append(frame)
        elif room and self._happens("net", "frame late"):
            held.append(frame)
            return NetFrame(_AGAIN, b"")
        if frame.data and self._happens("net", "frame cut"):
            frame = NetFrame(_OK, frame.data[: self._random.randrange(1, len(frame.data) + 1)])
        return self._fitting(frame, call)

    @staticmethod
    def _fitting(frame: NetFrame, call: NetRead) -> NetFrame:
        return NetFrame(frame.status, frame.data[: call.length])

    def _block(self, call: BlockRead | BlockWrite) -> Result:
        self._pass_time("block", "disk slow")
        if self._happens("block", "disk error"):
            failed = BlockData(_EUNSPEC, b"")
            return failed if isinstance(call, BlockRead) else IoStatus(_EUNSPEC)
        return self._inner(call)
