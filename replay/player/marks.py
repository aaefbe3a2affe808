"""Breakpoints of a step, which count in one frame only, together with those that somebody wants."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from replay.machine.position import Position
from replay.player.standing import Standing
from replay.player.stops import Break, Condition, Direction, Stop, View, Wanted, Why
from replay.player.symbols import Symbols

_NEARBY = 200
"""Instructions before here that are looked through first, where most steps back end."""

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


def frame_marks(
    symbols: Symbols, cfa: int | None, kind: Kind, addresses: Iterable[int]
) -> list[Mark]:
    """Marks that count in the frame with that canonical frame address, or in any if it is
    unknown."""

    def counts(view: View) -> bool:
        return cfa is None or symbols.cfa(view.registers()) == cfa

    return [Mark(address, kind, counts) for address in addresses]


def return_marks(here: Standing) -> list[Mark]:
    """A mark behind the call that a frame returns from, if that is known: RSP is above the frame
    then, and higher still if arguments went with it."""
    if here.cfa is None or not here.return_address:
        return []
    bound = here.cfa

    def counts(view: View) -> bool:
        return view.registers()["rsp"] >= bound

    return [Mark(here.return_address, Kind.RETURNED, counts)]


Passed = tuple[Position, Break | Mark]
"""What was met, and where."""


def run_to_marks(
    traveller: Traveller,
    direction: Direction,
    marks: Sequence[Mark],
    wanted: Wanted,
    trail: list[Passed] | None = None,
) -> tuple[Stop, Kind | None]:
    """To the nearest mark that counts, of several at one address the first; the stop is
    ``Why.REACHED`` then. Or to what is ``wanted`` or an end, with no kind.

    ``trail`` is given all that was met on the way of a short search back, up to where it ends.
    """
    if direction is Direction.FORWARD:
        return _search_asking(traveller, direction, marks, wanted)
    if wanted == Wanted(breaks=wanted.breaks):
        found = _search_nearby(traveller, marks, wanted, [] if trail is None else trail)
        if found is not None:
            return found
    for _ in range(_SEARCHES):
        stop = _run(traveller, direction, marks, wanted, asking=False)
        found = _told(traveller, stop, marks, wanted)
        if found is not None:
            return found
    return _search_asking(traveller, direction, marks, wanted)


def _search_asking(
    traveller: Traveller, direction: Direction, marks: Sequence[Mark], wanted: Wanted
) -> tuple[Stop, Kind | None]:
    """To a place that counts, by asking at each on the way."""
    while True:
        stop = _run(traveller, direction, marks, wanted, asking=True)
        found = _told(traveller, stop, marks, wanted)
        if found is not None:
            return found


def _run(
    traveller: Traveller,
    direction: Direction,
    marks: Sequence[Mark],
    wanted: Wanted,
    *,
    asking: bool,
) -> Stop:
    breaks = _merged(marks, wanted, asking=asking)
    return traveller.run(direction, replace(wanted, breaks=breaks))


def _told(
    traveller: Traveller, stop: Stop, marks: Sequence[Mark], wanted: Wanted
) -> tuple[Stop, Kind | None] | None:
    """What a stop means; None at a breakpoint that does not count."""
    if stop.why is not Why.BREAK or not isinstance(stop.hit, Break):
        return stop, None
    met = _met(traveller, stop.hit.address, marks, wanted)
    return None if met is None else _stop_at(stop.position, met)


def _search_nearby(
    traveller: Traveller, marks: Sequence[Mark], wanted: Wanted, trail: list[Passed]
) -> tuple[Stop, Kind | None] | None:
    """Back to the last place of a stretch, which is gone through forward once; None, and here, if
    there is none in it."""
    here = traveller.position
    stop = traveller.step(-_NEARBY)
    if stop.why is Why.INTERRUPTED:
        return stop, None

    def noted(mine: Sequence[Mark], address: int, view: View) -> bool:
        met = _met(view, address, mine, wanted)
        if met is not None and traveller.position < here:
            trail.append((traveller.position, met))
        return False

    at: dict[int, list[Mark]] = {each.address: [] for each in wanted.breaks}
    for mark in marks:
        at.setdefault(mark.address, []).append(mark)
    breaks = [Break(address, partial(noted, mine, address)) for address, mine in at.items()]
    stop = traveller.run(Direction.FORWARD, Wanted(breaks=breaks, until=here))
    if stop.why is Why.INTERRUPTED:
        return stop, None
    if not trail:
        return None
    position, met = trail[-1]
    traveller.seek(position)
    return _stop_at(position, met)


def _met(view: View, address: int, marks: Sequence[Mark], wanted: Wanted) -> Break | Mark | None:
    """What a breakpoint at an address stands for: what is wanted comes first."""
    for each in wanted.breaks:
        if each.address == address and (each.condition or _always)(view):
            return each
    for mark in marks:
        if mark.address == address and mark.counts(view):
            return mark
    return None


def _stop_at(position: Position, met: Break | Mark) -> tuple[Stop, Kind | None]:
    if isinstance(met, Mark):
        return Stop(position, Why.REACHED), met.kind
    return Stop(position, Why.BREAK, met), None


def _merged(marks: Sequence[Mark], wanted: Wanted, *, asking: bool) -> list[Break]:
    """One breakpoint for each address, which asks the marks' conditions on the way or never."""
    conditions: dict[int, list[Condition]] = {}
    for each in wanted.breaks:
        conditions.setdefault(each.address, []).append(each.condition or _always)
    for mark in marks:
        conditions.setdefault(mark.address, []).append(mark.counts if asking else _always)
    return [
        Break(address, None if _always in each else _any_of(each))
        for address, each in conditions.items()
    ]


def _always(_view: View) -> bool:
    return True


def _any_of(conditions: Sequence[Condition]) -> Callable[[View], bool]:
    return lambda view: any(condition(view) for condition in conditions)
