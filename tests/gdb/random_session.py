"""Random commands for gdb, and where a model says that each leads."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from replay.machine.position import Position
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.timeline import Timeline
from traces.reader import Trace

_STEPS_MAX = 6
_BREAKPOINTS = 3


class Map:
    """All positions of a small recording in their order, found by going forward alone."""

    def __init__(self, trace: Trace) -> None:
        self._firsts: list[int] = []
        self.hits: dict[int, list[int]] = {}
        self._timeline = Timeline(trace)
        self._measure(trace.event_count)

    def close(self) -> None:
        """Done with it."""
        self._timeline.close()

    @property
    def last(self) -> int:
        """The number of the last position; the first one's is 0."""
        return self._firsts[-1]

    def position(self, number: int) -> Position:
        """The position with a number."""
        event = bisect_right(self._firsts, number) - 1
        return Position(event, number - self._firsts[event])

    def number(self, position: Position) -> int:
        """The number of a position."""
        return self._firsts[position.event] + position.instructions

    def add_breakpoint(self, number: int) -> int:
        """Where a guest that stands at a position is; all hits of that are known then."""
        self._timeline.seek(self.position(number))
        address = self._timeline.registers()["rip"]
        if address not in self.hits:
            self.hits[address] = list(self._all_hits(address))
        return address

    def _measure(self, events: int) -> None:
        first = 0
        for event in range(events):
            self._firsts.append(first)
            self._timeline.seek(Position(event + 1))
            before = self._timeline.step(-1).position
            assert before.event == event
            first += before.instructions + 1
        self._firsts.append(first)

    def _all_hits(self, address: int) -> Iterator[int]:
        timeline = self._timeline
        timeline.seek(timeline.start)
        if timeline.registers()["rip"] == address:
            yield 0
        wanted = Wanted(breaks=(Break(address),))
        while timeline.run(Direction.FORWARD, wanted).why is Why.BREAK:
            yield self.number(timeline.position)


@dataclass(slots=True)
class RandomSession:
    """Draws commands, and knows where the guest stands behind each."""

    map: Map
    draw: random.Random
    at: int = 0
    places: list[Position] = field(default_factory=list)

    def commands(self, count: int) -> Iterator[str]:
        """``count`` moves, with ``monitor note`` behind each; ``places`` are where they lead."""
        last = self.map.last
        for _ in range(_BREAKPOINTS):
            yield f"break *{self.map.add_breakpoint(self.draw.randrange(1, last)):#x}"
        stops = sorted({number for hits in self.map.hits.values() for number in hits})
        for _ in range(count):
            yield self._move(stops, last)
            yield "monitor note"
            self.places.append(self.map.position(self.at))

    def _move(self, stops: list[int], last: int) -> str:
        ahead, behind = bisect_right(stops, self.at), bisect_left(stops, self.at)
        next_stop = stops[ahead] if ahead < len(stops) else last
        last_stop = stops[behind - 1] if behind else 0
        steps = self.draw.randint(1, _STEPS_MAX)
        match self.draw.randrange(5):
            case 0:
                self.at = next_stop
                return "continue"
            case 1:
                self.at = last_stop
                return "reverse-continue"
            case 2:
                self.at = min(self.at + steps, next_stop)
                return f"stepi {steps}"
            case 3:
                self.at = max(self.at - steps, last_stop)
                return f"reverse-stepi {steps}"
        self.at = self.draw.randrange(last + 1)
        return f"seek {self.map.position(self.at)}"
