from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.machine.position import Position
from replay.player.marks import (
    Kind,
    Mark,
    Passed,
    frame_marks,
    return_marks,
    run_to_marks,
)
from replay.player.standing import Standing
from replay.player.stops import Break, Direction, Stop, View, Wanted, Watch, Why
from replay.player.symbols import Symbols

FORWARD, BACKWARD = Direction.FORWARD, Direction.BACKWARD


class Corridor:
    """Stands at one of some addresses, and counts what it is asked for."""

    def __init__(self, addresses: list[int], at: int = 0) -> None:
        self.addresses = addresses
        self.at = at
        self.asked: list[Wanted] = []
        self.step_ends = Why.START

    @property
    def position(self) -> Position:
        return Position(0, self.at)

    def registers(self) -> dict[str, int]:
        return {"rip": self.addresses[self.at]}

    def read(self, address: int, size: int) -> bytes | None:
        return None

    def step(self, count: int) -> Stop:
        self.at = max(0, self.at + count)
        return Stop(self.position, self.step_ends)

    def seek(self, position: Position) -> Stop:
        self.at = position.instructions
        return Stop(position, Why.REACHED)

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        self.asked.append(wanted)
        breaks = {each.address: each for each in wanted.breaks}
        step = 1 if direction is FORWARD else -1
        while 0 <= self.at + step < len(self.addresses):
            self.at += step
            hit = breaks.get(self.addresses[self.at])
            if hit is not None and (hit.condition is None or hit.condition(self)):
                return Stop(self.position, Why.BREAK, hit)
            if self.position == wanted.until:
                return Stop(self.position, Why.REACHED)
        return Stop(self.position, Why.END if step > 0 else Why.START)


def always(_view: View) -> bool:
    return True


def never(_view: View) -> bool:
    return False


def mark(
    address: int, kind: Kind = Kind.STATEMENT, counts: Callable[[View], bool] = always
) -> Mark:
    return Mark(address, kind, counts)


@pytest.mark.parametrize(("direction", "begin", "end"), [(FORWARD, 0, 2), (BACKWARD, 5, 4)])
def test_the_nearest_mark_is_reached(direction: Direction, begin: int, end: int) -> None:
    corridor = Corridor([1, 2, 3, 4, 3, 6], begin)
    marks = [mark(3, Kind.ENTRY), mark(9)]
    stop, kind = run_to_marks(corridor, direction, marks, Wanted())
    assert (stop, kind) == (Stop(Position(0, end), Why.REACHED), Kind.ENTRY)


def test_of_marks_at_one_address_the_first_that_counts_is_meant() -> None:
    marks = [mark(3, Kind.RETURNED, never), mark(3, Kind.STATEMENT), mark(3, Kind.CALL)]
    assert run_to_marks(Corridor([1, 3]), FORWARD, marks, Wanted())[1] is Kind.STATEMENT


FAR = 1000


def test_nearby_marks_are_found_in_one_go() -> None:
    corridor = Corridor([3, 1, 3, 1, 1], 4)
    stop, kind = run_to_marks(corridor, BACKWARD, [mark(3)], Wanted())
    assert (stop, kind) == (Stop(Position(0, 2), Why.REACHED), Kind.STATEMENT)
    assert corridor.position == stop.position
    assert len(corridor.asked) == 1


def test_the_place_where_a_search_begins_does_not_count() -> None:
    corridor = Corridor([3, 1, 3], 2)
    assert run_to_marks(corridor, BACKWARD, [mark(3)], Wanted())[0].position == Position(0, 0)


def test_marks_that_do_not_count_are_passed() -> None:
    corridor = Corridor([3] * FAR, FAR - 1)
    stop, kind = run_to_marks(corridor, BACKWARD, [mark(3, counts=never)], Wanted())
    assert (stop.why, kind) == (Why.START, None)
    assert len(corridor.asked) == 6  # one nearby, and at last it asks on the way


def test_far_back_marks_are_asked_afterwards_at_first() -> None:
    corridor = Corridor([3, 3, *[1] * FAR], FAR)
    first = mark(3, counts=lambda view: corridor.at == 0)
    assert run_to_marks(corridor, BACKWARD, [first], Wanted())[1] is Kind.STATEMENT
    assert [each.breaks[0].condition for each in corridor.asked[1:]] == [None, None]


def test_an_interrupt_ends_the_search_nearby() -> None:
    corridor = Corridor([3, 1, 1], 2)
    corridor.step_ends = Why.INTERRUPTED
    stop, kind = run_to_marks(corridor, BACKWARD, [mark(3)], Wanted())
    assert (stop.why, kind) == (Why.INTERRUPTED, None)


def test_going_forward_marks_are_asked_on_the_way() -> None:
    corridor = Corridor([3, 3, 3, 3])
    last = mark(3, counts=lambda view: corridor.at == 3)
    assert run_to_marks(corridor, FORWARD, [last], Wanted())[0].position == Position(0, 3)
    assert len(corridor.asked) == 1


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
def test_what_is_wanted_comes_first(direction: Direction) -> None:
    wanted = Break(3)
    stop, kind = run_to_marks(
        Corridor([1, 3, 1], 0 if direction is FORWARD else 2),
        direction,
        [mark(3)],
        Wanted(breaks=(wanted,)),
    )
    assert (stop.why, stop.hit, kind) == (Why.BREAK, wanted, None)


def test_of_what_is_wanted_at_one_address_that_which_holds_is_told() -> None:
    refused, wanted = Break(3, never), Break(3, always)
    breaks = Wanted(breaks=(refused, wanted))
    assert run_to_marks(Corridor([1, 3]), FORWARD, [], breaks)[0].hit is wanted
    only = Wanted(breaks=(refused,))
    assert run_to_marks(Corridor([1, 3]), FORWARD, [], only)[0].why is Why.END
    assert run_to_marks(Corridor([1, 3]), FORWARD, [mark(3)], only)[1] is Kind.STATEMENT


def test_everything_else_that_is_wanted_is_handed_on() -> None:
    watch = Watch(Watchpoint(16, 8, Access.WRITE))
    wanted = Wanted(watches=(watch,), until=Position(7))
    corridor = Corridor([1])
    run_to_marks(corridor, FORWARD, [mark(3)], wanted)
    assert replace(corridor.asked[0], breaks=()) == wanted


def test_there_is_one_break_for_each_address() -> None:
    corridor = Corridor([1, 3])
    run_to_marks(corridor, FORWARD, [mark(3), mark(3), mark(4)], Wanted(breaks=(Break(3),)))
    assert sorted(each.address for each in corridor.asked[0].breaks) == [3, 4]


def test_a_frame_is_left_where_the_stack_pointer_is_above_it() -> None:
    here = Standing(1, None, (), 100, 3, (), frozenset(), False)
    (behind,) = return_marks(here)
    assert (behind.address, behind.kind) == (3, Kind.RETURNED)
    held = {}
    for pointer in (92, 100, 108):
        corridor = Corridor([3])
        corridor.registers = lambda pointer=pointer: {"rsp": pointer}  # type: ignore[method-assign]
        held[pointer] = behind.counts(corridor)
    assert held == {92: False, 100: True, 108: True}
    assert return_marks(replace(here, cfa=None)) == []
    assert return_marks(replace(here, return_address=0)) == []


def test_marks_of_a_frame_count_in_it_alone() -> None:
    class Known(Symbols):
        def cfa(self, registers: Mapping[str, int]) -> int | None:
            return 10 * registers["rip"]

    symbols = Known(b"")
    corridor = Corridor([3])
    (inside,) = frame_marks(symbols, 30, Kind.ENTRY, [3])
    (outside,) = frame_marks(symbols, 40, Kind.ENTRY, [3])
    (anywhere,) = frame_marks(symbols, None, Kind.ENTRY, [3])
    assert inside.counts(corridor)
    assert not outside.counts(corridor)
    assert anywhere.counts(corridor)


def test_the_trail_of_a_short_search_is_kept() -> None:
    trail: list[Passed] = []
    corridor = Corridor([3, 4, 1, 3, 1], 4)
    marks = [mark(3), mark(4, Kind.CALLED)]
    run_to_marks(corridor, BACKWARD, marks, Wanted(), trail)
    assert trail == [(Position(0, 1), marks[1]), (Position(0, 3), marks[0])]
