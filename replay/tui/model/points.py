"""Breakpoints, watches and displays as the user made them, numbered as gdb numbers them: plain
data, that can be kept in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from replay.engines.ports import Access
from replay.player.errors import PlayerError

POINTS_MAX = 1000
FORMATS = "xducsa"
"""Hexadecimal, signed, unsigned, a character, text that it points to, an address with its name."""

_TEXT_MAX = 2000
_PLACES_MAX = 10_000
_NUMBER_MAX = 1 << 31
_ADDRESSES = 1 << 64
_SIZE_MAX = 1 << 20


class NoSuchPoint(PlayerError):
    """A number that nothing has."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"there is no {what} number {number}")


class BadPoints(PlayerError):
    """What was kept of an earlier session cannot be read."""


@dataclass(frozen=True, slots=True)
class BreakPoint:
    """Stops before instructions: ``place`` as written, and where that is."""

    number: int
    place: str
    addresses: tuple[int, ...]
    condition: str = ""
    is_temporary: bool = False
    is_enabled: bool = True
    hits: int = 0


@dataclass(frozen=True, slots=True)
class WatchPoint:
    """Stops at accesses of ``size`` bytes: ``text`` as written, and where that was when it was."""

    number: int
    text: str
    address: int
    size: int
    access: Access = Access.WRITE
    condition: str = ""
    is_enabled: bool = True
    hits: int = 0


Point = BreakPoint | WatchPoint


@dataclass(frozen=True, slots=True)
class Display:
    """An expression whose value is shown at every stop; ``form`` is one of ``FORMATS`` or empty."""

    number: int
    text: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """All of them; methods give changed ones and raise ``NoSuchPoint``."""

    points: tuple[Point, ...] = ()
    displays: tuple[Display, ...] = ()
    next_number: int = 1
    next_display: int = 1

    def with_point(self, make: Callable[[int], Point]) -> Points:
        """One more, made for its number."""
        made = make(self.next_number)
        return replace(self, points=(*self.points, made), next_number=self.next_number + 1)

    def with_display(self, text: str, form: str = "") -> Points:
        """One more expression to show."""
        made = Display(self.next_display, text, form)
        return replace(self, displays=(*self.displays, made), next_display=self.next_display + 1)

    def point(self, number: int) -> Point:
        """The breakpoint or watch of a number."""
        for point in self.points:
            if point.number == number:
                return point
        raise NoSuchPoint("breakpoint or watch", number)

    def without(self, number: int) -> Points:
        """Without a breakpoint or watch."""
        gone = self.point(number)
        return replace(self, points=tuple(point for point in self.points if point is not gone))

    def without_display(self, number: int) -> Points:
        """Without an expression to show."""
        left = tuple(display for display in self.displays if display.number != number)
        if len(left) == len(self.displays):
            raise NoSuchPoint("display", number)
        return replace(self, displays=left)

    def enabled(self, number: int, *, to: bool) -> Points:
        """With a breakpoint or watch that stops, or does not."""
        return self._with(replace(self.point(number), is_enabled=to))

    def conditioned(self, number: int, condition: str) -> Points:
        """With another condition; an empty one is none. Whether it means anything is for
        ``aims`` to say."""
        return self._with(replace(self.point(number), condition=condition))

    def hit(self, numbers: Sequence[int]) -> Points:
        """What is left when these have stopped a run."""
        found = self
        for number in numbers:
            point = found.point(number)
            is_done = isinstance(point, BreakPoint) and point.is_temporary
            counted = replace(point, hits=point.hits + 1)
            found = found.without(number) if is_done else found._with(counted)
        return found

    def at(self, addresses: Sequence[int]) -> tuple[BreakPoint, ...]:
        """The breakpoints at any of some addresses."""
        wanted = set(addresses)
        return tuple(each for each in self._breaks() if not wanted.isdisjoint(each.addresses))

    def breaks(self) -> Mapping[int, bool]:
        """Where breakpoints are, and whether an enabled one is there."""
        found: dict[int, bool] = {}
        for each in self._breaks():
            for address in each.addresses:
                found[address] = found.get(address, False) or each.is_enabled
        return found

    def _breaks(self) -> list[BreakPoint]:
        return [point for point in self.points if isinstance(point, BreakPoint)]

    def _with(self, changed: Point) -> Points:
        same = changed.number
        points = tuple(changed if point.number == same else point for point in self.points)
        return replace(self, points=points)


# ---- as plain data

_Kept = Mapping[str, Any]
_T = TypeVar("_T")


def points_to_plain(points: Points) -> dict[str, Any]:
    """What JSON can hold."""
    return {
        "points": [_plain(point) for point in points.points],
        "displays": [
            {"number": each.number, "text": each.text, "form": each.form}
            for each in points.displays
        ],
    }


def points_from_plain(content: object) -> Points:
    """The same again; raises ``BadPoints`` for anything else."""
    if not isinstance(content, Mapping):
        raise BadPoints("breakpoints are not kept as an object")
    points = tuple(_point(each) for each in _list(content.get("points", [])))
    displays = tuple(_display(each) for each in _list(content.get("displays", [])))
    for numbers in ([each.number for each in points], [each.number for each in displays]):
        if len(set(numbers)) != len(numbers):
            raise BadPoints("two breakpoints have one number")
    return Points(
        points,
        displays,
        1 + max((each.number for each in points), default=0),
        1 + max((each.number for each in displays), default=0),
    )


def _plain(point: Point) -> dict[str, Any]:
    common = {
        "number": point.number,
        "condition": point.condition,
        "enabled": point.is_enabled,
        "hits": point.hits,
    }
    if isinstance(point, BreakPoint):
        own = {
            "break": point.place,
            "addresses": list(point.addresses),
            "temporary": point.is_temporary,
        }
    else:
        own = {
            "watch": point.text,
            "address": point.address,
            "size": point.size,
            "access": point.access.value,
        }
    return {**own, **common}


def _point(kept: _Kept) -> Point:
    number, condition = _number(kept, "number"), _text(kept, "condition")
    enabled, hits = _get(kept, "enabled", bool), _integer(kept.get("hits"), 0, _NUMBER_MAX)
    if "break" in kept:
        addresses = _list(kept.get("addresses"), _PLACES_MAX, of=int)
        places = tuple(_integer(each, 0, _ADDRESSES) for each in addresses)
        temporary = _get(kept, "temporary", bool)
        place = _text(kept, "break")
        return BreakPoint(number, place, places, condition, temporary, enabled, hits)
    address = _integer(kept.get("address"), 0, _ADDRESSES)
    size = _integer(kept.get("size"), 1, _SIZE_MAX)
    text = _text(kept, "watch")
    return WatchPoint(number, text, address, size, _access(kept), condition, enabled, hits)


def _display(kept: _Kept) -> Display:
    form = _text(kept, "form")
    if form and (len(form) != 1 or form not in FORMATS):
        raise BadPoints(f"there is no format {form[:20]!r}")
    return Display(_number(kept, "number"), _text(kept, "text"), form)


def _access(kept: _Kept) -> Access:
    try:
        return Access(kept.get("access"))
    except ValueError:
        raise BadPoints("a watch looks for no access that there is") from None


def _list(value: object, most: int = POINTS_MAX, of: type = Mapping) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise BadPoints("a list is missing or too long")
    if not all(isinstance(each, of) for each in value):
        raise BadPoints("a list has something else in it")
    return value


def _get(kept: _Kept, name: str, kind: type[_T]) -> _T:
    value = kept.get(name)
    if not isinstance(value, kind):
        raise BadPoints(f"{name!r} is missing or something else")
    return value


def _number(kept: _Kept, name: str) -> int:
    return _integer(kept.get(name), 1, _NUMBER_MAX)


def _integer(value: object, least: int, behind: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < behind:
        raise BadPoints(f"a number from {least} to {behind - 1} is missing")
    return value


def _text(kept: _Kept, name: str) -> str:
    text = _get(kept, name, str)
    if len(text) > _TEXT_MAX:
        raise BadPoints(f"{name!r} is too long")
    return text
