"""Breakpoints and watches from what people write, and as what a journey stops at.

For who may use ``Symbols``: the places of a text are looked up once, when it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from replay.engines.ports import Access, Watchpoint
from replay.player.errors import PlayerError
from replay.player.expressions import parse_condition, parse_memory, parse_value
from replay.player.locations import parse_location
from replay.player.stops import Break, Condition, Stop, View, Wanted, Watch
from replay.player.symbols import Symbols
from replay.tui.model.points import FORMATS, BreakPoint, Point, WatchPoint

_IF = " if "


class BadFormat(PlayerError):
    """A format that there is not."""


def new_break(
    text: str, symbols: Symbols, view: View, *, temporary: bool = False
) -> Callable[[int], Point]:
    """A breakpoint at ``PLACE`` or ``PLACE if CONDITION``, to be given its number.

    Raises ``BadLocation`` and ``BadExpression``.
    """
    place, condition = _with_condition(text, symbols)
    here = view.registers()["rip"]
    addresses = tuple(parse_location(place, symbols, here=here))
    if place.isdecimal():  # a line of the file here, which will not be here for ever
        row = symbols.row_at(here)
        place = f"{row.path}:{place}" if row is not None else place
    return lambda number: BreakPoint(number, place, addresses, condition, temporary)


def new_watch(
    text: str, symbols: Symbols, view: View, access: Access = Access.WRITE
) -> Callable[[int], Point]:
    """A watch of a variable or ``u32[ADDRESS]``, perhaps with a condition, to be given its number.

    What memory that is, is found now. Raises ``BadExpression`` and ``Unreadable``.
    """
    named, condition = _with_condition(text, symbols)
    memory = parse_memory(named, symbols)
    address, size = memory.address(view) % (1 << 64), memory.size
    return lambda number: WatchPoint(number, named, address, size, access, condition)


def checked_display(text: str, symbols: Symbols) -> tuple[str, str]:
    """The expression and the format of ``EXPRESSION`` or ``/x EXPRESSION``; raises ``BadFormat``
    and ``BadExpression``."""
    text, form = text.strip(), ""
    if text.startswith("/"):
        form, _, text = text[1:].partition(" ")
        if len(form) != 1 or form not in FORMATS:
            known = ", ".join(FORMATS)
            raise BadFormat(f"there is no format {form[:20]!r}; there are {known}")
    parse_value(text, symbols)
    return text.strip(), form


def check_condition(text: str, symbols: Symbols) -> str:
    """A condition that means something; raises ``BadExpression``."""
    if text.strip():
        parse_condition(text, symbols)
    return text.strip()


@dataclass(frozen=True, slots=True)
class Aims:
    """What a journey stops at, and which points that is; ``problems`` has what cannot be meant any
    more, by number: it does not stop anything."""

    wanted: Wanted = field(default_factory=Wanted)
    numbers: Mapping[Break | Watch, tuple[int, ...]] = field(default_factory=dict)
    conditions: Mapping[int, Condition | None] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)

    def numbers_of(self, stop: Stop, view: View) -> tuple[int, ...]:
        """The points that have made a stop, where the guest still stands there."""
        if stop.hit is None or stop.hit not in self.numbers:
            return ()
        numbers = self.numbers[stop.hit]
        if isinstance(stop.hit, Watch):
            return numbers
        return tuple(number for number in numbers if self._holds(number, view))

    def _holds(self, number: int, view: View) -> bool:
        condition = self.conditions[number]
        return condition is None or condition(view)


def aims_of(points: Sequence[Point], symbols: Symbols) -> Aims:
    """What the enabled points stop at."""
    conditions: dict[int, Condition | None] = {}
    problems: dict[int, str] = {}
    for point in points:
        try:
            text = point.condition
            conditions[point.number] = parse_condition(text, symbols) if text else None
        except PlayerError as error:
            problems[point.number] = str(error)
    stopping = [each for each in points if each.is_enabled and each.number not in problems]
    breaks = _breaks(stopping, conditions)
    watches = _watches(stopping, conditions)
    wanted = Wanted(breaks=tuple(breaks), watches=tuple(watches))
    pairs: list[tuple[Break | Watch, tuple[int, ...]]] = [*breaks.items(), *watches.items()]
    return Aims(wanted, dict(pairs), conditions, problems)


def _breaks(
    points: Sequence[Point], conditions: Mapping[int, Condition | None]
) -> dict[Break, tuple[int, ...]]:
    """One for each address: whichever of its points' conditions holds."""
    numbers: dict[int, list[int]] = {}
    for point in points:
        if isinstance(point, BreakPoint):
            for address in point.addresses:
                numbers.setdefault(address, []).append(point.number)
    return {
        Break(address, _any([conditions[number] for number in here])): tuple(here)
        for address, here in numbers.items()
    }


def _watches(
    points: Sequence[Point], conditions: Mapping[int, Condition | None]
) -> dict[Watch, tuple[int, ...]]:
    return {
        Watch(Watchpoint(point.address, point.size, point.access), conditions[point.number]): (
            point.number,
        )
        for point in points
        if isinstance(point, WatchPoint)
    }


def _any(conditions: Sequence[Condition | None]) -> Condition | None:
    known = [condition for condition in conditions if condition is not None]
    if len(known) < len(conditions):
        return None
    return lambda view: any(condition(view) for condition in known)


def _with_condition(text: str, symbols: Symbols) -> tuple[str, str]:
    named, found, condition = text.partition(_IF)
    if found:
        parse_condition(condition, symbols)
    return named.strip(), condition.strip()
