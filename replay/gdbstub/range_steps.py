"""Steps through a range of code, as gdb's ``step`` and ``next`` want them for a source line."""

from __future__ import annotations

from typing import Protocol

from replay.player.stops import Break, Direction, Stop, View, Wanted, Why


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


def step_through(guest: Steps, start: int, end: int, wanted: Wanted) -> Stop:
    """One instruction, and more as long as the guest is in ``[start, end)`` and nothing wanted is
    met."""
    breaks = {point.address: point for point in wanted.breaks}
    while True:
        stop = guest.step(Direction.FORWARD, wanted)
        rip = guest.view.registers()["rip"]
        if stop.why is not Why.REACHED or not start <= rip < end:
            return stop
        point = breaks.get(rip)
        if point is not None and _holds(point, guest.view):
            guest.stop = Stop(stop.position, Why.BREAK, point)
            return guest.stop


def _holds(point: Break, view: View) -> bool:
    return point.condition is None or point.condition(view)
