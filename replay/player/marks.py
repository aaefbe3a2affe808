"""Breakpoints of a step, which count in one frame only, together with those that somebody wants."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from replay.machine.position import Position
from replay.player.stops import Break, Condition, Direction, Stop, View, Wanted, Why

_SEARCHES = 4
"""Back, that ask for the frame only where they end: to ask at every place on the way is slow."""


class Traveller(View, Protocol):
    """What is stepped: a timeline, or something like it."""

    @property
    def position(self) -> Position:
        """Where the guest stands."""
        ...

    def step(self, count: int) -> Stop:
        """Go ``count`` instructions on, or back where it is negative."""
        ...

    def run(self, direction: Direction, wanted: Wanted) -> Stop:
        """Go to the nearest place wanted, of which one can be at each address."""
        ...

    def seek(self, position: Position) -> Stop:
        """Go to a position."""
        ...


class Kind(enum.Enum):
    """What a mark stands for."""

    STATEMENT = "a statement begins"
    RETURNED = "the function has returned"
    CALL = "another function may be entered"
    ENTRY = "the function begins"
    CALLED = "a call has just returned"


@dataclass(frozen=True, slots=True)
class Mark:
    """A breakpoint of a step, which counts where ``counts`` says so."""

    address: int
    kind: Kind
    counts: Condition


def run_to_marks(
    traveller: Traveller, direction: Direction, marks: Sequence[Mark], wanted: Wanted
) -> tuple[Stop, Kind | None]:
    """To the nearest mark that counts, of several at one address the first; the stop is
    ``Why.REACHED`` then. Or to what is ``wanted`` or an end, with no kind."""
    asks_later = _SEARCHES if direction is Direction.BACKWARD else 0
    while True:
        breaks = _merged(marks, wanted, ask=asks_later == 0)
        stop = traveller.run(direction, replace(wanted, breaks=breaks))
        if stop.why is not Why.BREAK or not isinstance(stop.hit, Break):
            return stop, None
        address = stop.hit.address
        for each in wanted.breaks:
            if each.address == address and (each.condition or _always)(traveller):
                return replace(stop, hit=each), None
        for mark in marks:
            if mark.address == address and mark.counts(traveller):
                return Stop(traveller.position, Why.REACHED), mark.kind
        asks_later = max(0, asks_later - 1)


def _merged(marks: Sequence[Mark], wanted: Wanted, *, ask: bool) -> list[Break]:
    """One breakpoint for each address, which asks the marks' conditions on the way or never."""
    conditions: dict[int, list[Condition]] = {}
    for each in wanted.breaks:
        conditions.setdefault(each.address, []).append(each.condition or _always)
    for mark in marks:
        conditions.setdefault(mark.address, []).append(mark.counts if ask else _always)
    return [
        Break(address, None if _always in each else _any_of(each))
        for address, each in conditions.items()
    ]


def _always(_view: View) -> bool:
    return True


def _any_of(conditions: Sequence[Condition]) -> Callable[[View], bool]:
    return lambda view: any(condition(view) for condition in conditions)
