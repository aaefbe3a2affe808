"""Steps through a range of code, as gdb's ``step`` and ``next`` want them for a source line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from replay.gdbstub.range_exits import Exits, exits_of
from replay.player.stops import Break, Direction, Stop, View, Wanted, Why

_STEPS_MAX = 32
"""A range that takes more is likely a loop, for whose end breakpoints are the better way."""


class Steps(Protocol):
    """A guest that can be stepped."""

    stop: Stop

    @property
    def view(self) -> View:
        """The guest as it is now."""
        ...

    def step(self, direction: Direction, wanted: Wanted) -> Stop:
        """One instruction."""
        ...

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        """On, to what is wanted."""
        ...


def step_through(guest: Steps, start: int, end: int, wanted: Wanted) -> Stop:
    """One instruction, and more as long as the guest is in ``[start, end)`` and nothing wanted is
    met."""
    walk = _Walk(guest, range(start, end), wanted)
    for _ in range(_STEPS_MAX):
        if walk.step():
            return guest.stop
    code = guest.view.read(start, end - start)
    exits = None if code is None else exits_of(code, start)
    while not (walk.step() if exits is None else walk.run(exits)):
        pass
    return guest.stop


class _Walk:
    """One way through a range; its methods say whether that is over."""

    def __init__(self, guest: Steps, inside: range, wanted: Wanted) -> None:
        self._guest = guest
        self._inside = inside
        self._wanted = wanted

    def step(self) -> bool:
        """One instruction."""
        guest = self._guest
        stop = guest.step(Direction.FORWARD, self._wanted)
        rip = guest.view.registers()["rip"]
        if stop.why is not Why.REACHED or rip not in self._inside:
            return True
        return self._meets(point for point in self._wanted.breaks if point.address == rip)

    def run(self, exits: Exits) -> bool:
        """On to the next way out, and through it."""
        guest = self._guest
        if guest.view.registers()["rip"] in exits.stray:
            return self.step()
        marks = [Break(address) for address in (*exits.targets, *exits.stray)]
        wanted = replace(self._wanted, breaks=(*self._wanted.breaks, *marks))
        stop = guest.run(Direction.FORWARD, wanted)
        if stop.hit not in marks:
            return True
        guest.stop = Stop(stop.position, Why.REACHED)
        return guest.view.registers()["rip"] not in self._inside

    def _meets(self, points: Iterable[Break]) -> bool:
        """Whether one of the breakpoints here is wanted now, which the guest's stop then says."""
        guest = self._guest
        for point in points:
            if point.condition is None or point.condition(guest.view):
                guest.stop = Stop(guest.stop.position, Why.BREAK, point)
                return True
        return False
