"""Stepping through a range of code."""

from __future__ import annotations

from monitors.ports import Registers
from replay.gdbstub.range_steps import step_through
from replay.machine.position import Position
from replay.player.stops import Break, Direction, Stop, View, Wanted, Why


class Loop:
    """Goes round through addresses 0 to 9 some times, and then on from 1000."""

    def __init__(self, rounds: int = 3, code: bytes = b"") -> None:
        self.steps = self.runs = 0
        self.rounds = rounds
        self.code = code
        self.end = 10 * rounds + 10
        self.stop = Stop(Position(0), Why.REACHED)

    @property
    def view(self) -> View:
        return self

    def registers(self) -> Registers:
        left = self.steps - 10 * self.rounds
        return {"rip": self.steps % 10 if left < 0 else 1000 + left}

    def read(self, address: int, size: int) -> bytes | None:
        return self.code[address : address + size] if self.code else None

    def run(self, _direction: Direction, wanted: Wanted) -> Stop:
        self.runs += 1
        while self.step(_direction, wanted).why is Why.REACHED:
            rip = self.registers()["rip"]
            for point in wanted.breaks:
                if point.address == rip and (not point.condition or point.condition(self)):
                    self.stop = Stop(self.stop.position, Why.BREAK, point)
                    return self.stop
        return self.stop

    def step(self, _direction: Direction, _wanted: Wanted) -> Stop:
        self.steps += 1
        why = Why.INTERRUPTED if self.steps == self.end else Why.REACHED
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
    assert step_through(Loop(), 0, 5000, Wanted()).why is Why.INTERRUPTED


RETURN_AT_9 = b"\x90" * 9 + b"\xc3"


def test_a_long_loop_is_not_stepped_through() -> None:
    """Its code: nine times nothing, and a way that only the guest knows."""
    loop = Loop(1000, RETURN_AT_9)
    assert step_through(loop, 0, 10, Wanted()).position == Position(0, 10_000)
    assert 900 < loop.runs < 1000


def test_its_known_way_out_is_found_in_one_run() -> None:
    far = (1000 - 9).to_bytes(4, "little")
    loop = Loop(1000, b"\x90" * 3 + b"\x0f\x84" + far + b"\x90")
    stop = step_through(loop, 0, 10, Wanted())
    assert (stop.why, stop.hit, stop.position) == (Why.REACHED, None, Position(0, 10_000))
    assert loop.runs == 1


def test_what_is_wanted_ends_a_long_loop_too() -> None:
    loop = Loop(1000, RETURN_AT_9)
    point = Break(5, lambda _: loop.steps > 2000)
    stop = step_through(loop, 0, 10, Wanted(breaks=(point,)))
    assert (stop.why, stop.hit, stop.position) == (Why.BREAK, point, Position(0, 2005))


def test_code_that_cannot_be_read_is_stepped_through() -> None:
    loop = Loop(10)
    assert step_through(loop, 0, 10, Wanted()).position == Position(0, 100)
    assert loop.runs == 0
