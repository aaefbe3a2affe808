"""Stepping through a range of code."""

from __future__ import annotations

from monitors.ports import Registers
from replay.gdbstub.range_steps import step_through
from replay.machine.position import Position
from replay.player.stops import Break, Direction, Stop, View, Wanted, Why


class Loop:
    """Goes round through addresses 0 to 9 three times, and then on."""

    def __init__(self) -> None:
        self.steps = 0
        self.stop = Stop(Position(0), Why.REACHED)

    @property
    def view(self) -> View:
        return self

    def registers(self) -> Registers:
        return {"rip": self.steps % 10 if self.steps < 30 else self.steps}

    def read(self, address: int, size: int) -> bytes | None:
        return None

    def step(self, _direction: Direction, _wanted: Wanted) -> Stop:
        self.steps += 1
        why = Why.INTERRUPTED if self.steps == 40 else Why.REACHED
        self.stop = Stop(Position(0, self.steps), why)
        return self.stop


def test_it_ends_behind_the_range() -> None:
    loop = Loop()
    assert step_through(loop, 0, 10, Wanted()).position == Position(0, 30)


def test_one_step_is_made_in_any_case() -> None:
    loop = Loop()
    assert step_through(loop, 500, 501, Wanted()).position == Position(0, 1)


def test_breakpoints_inside_stop_where_their_condition_holds() -> None:
    loop = Loop()
    point = Break(5, lambda _: loop.steps > 20)
    stop = step_through(loop, 0, 10, Wanted(breaks=(point, Break(3, lambda _: False))))
    assert (stop.why, stop.hit, stop.position) == (Why.BREAK, point, Position(0, 25))
    assert loop.stop is stop


def test_other_stops_end_it() -> None:
    assert step_through(Loop(), 0, 1000, Wanted()).why is Why.INTERRUPTED
