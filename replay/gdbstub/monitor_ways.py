"""Ways through the recording that gdb itself has no commands for."""

from __future__ import annotations

from collections.abc import Sequence

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_command import MEMORY_BYTES_MAX, MonitorCommand, arrival, number
from replay.player.goals import parse_goal
from replay.player.places import Places
from replay.player.stops import Direction, Stop, Why


class Ways:
    """All of them, over one journey."""

    def __init__(self, journey: Journey, places: Places) -> None:
        self._journey = journey
        self._places = places

    def commands(self) -> Sequence[MonitorCommand]:
        """The commands that go them."""
        return (
            MonitorCommand(
                "seek PLACE",
                "go to EVENT, EVENT+INSTRUCTIONS, start, end, cN or a bookmark",
                self._seek,
                least=1,
                most=1,
            ),
            MonitorCommand(
                "restart [N]", "go to the start, or to checkpoint N", self._restart, most=1
            ),
            MonitorCommand(
                "last-write ADDRESS SIZE",
                "go to before the last write to some memory",
                self._last_write,
                least=2,
                most=2,
            ),
            MonitorCommand(
                "forward-to GOAL",
                "go on to call:NAME, console:TEXT, write:VARIABLE, main.c:120, FUNCTION if …",
                lambda words: self._go(words, Direction.FORWARD),
                least=1,
                most=1,
                text=True,
            ),
            MonitorCommand(
                "back-to GOAL",
                "go back to one",
                lambda words: self._go(words, Direction.BACKWARD),
                least=1,
                most=1,
                text=True,
            ),
        )

    def _seek(self, words: list[str]) -> str:
        return arrival(self._journey.seek(self._places.find(words[0])))

    def _restart(self, words: list[str]) -> str:
        place = f"c{words[0].removeprefix('c')}" if words else "start"
        return arrival(self._journey.seek(self._places.find(place)))

    def _last_write(self, words: list[str]) -> str:
        address, size = number(words[0]), number(words[1])
        if not 0 < size <= MEMORY_BYTES_MAX:
            raise Refused(f"a size is from 1 to {MEMORY_BYTES_MAX} bytes")
        stop = self._journey.last_write(address, size)
        if stop is None:
            return f"nothing was written to {address:#x} before here"
        return arrival(stop)

    def _go(self, words: list[str], direction: Direction) -> str:
        journey = self._journey
        journey.end_diversion()
        goal = parse_goal(words[0], journey.symbols, journey.timeline)
        if goal.position is not None:
            return arrival(journey.seek(goal.position))
        assert goal.wanted is not None
        here = journey.timeline.position
        stop = journey.run(direction, goal.wanted)
        if stop.why in (Why.START, Why.END):
            return self._nowhere(words[0], direction, journey.seek(here))
        return arrival(stop)

    def _nowhere(self, text: str, direction: Direction, stop: Stop) -> str:
        where = "behind" if direction is Direction.FORWARD else "before"
        return f"{text} does not occur {where} {stop.position}"
