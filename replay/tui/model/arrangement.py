"""Which places of the screen are seen, and how large they are, for any size of terminal.

The places are ``left``, ``centre``, ``right`` (an upper and a lower one) above, and ``bottom``
below. Where there is no room for all of them, the upper ones give way to the one in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LEFT, CENTRE, RIGHT, RIGHT_BELOW, BOTTOM = "left", "centre", "right", "right-below", "bottom"
PLACES = (LEFT, CENTRE, RIGHT, RIGHT_BELOW, BOTTOM)

_COLUMNS_FOR_ALL = 150
_COLUMNS_FOR_TWO = 100
_ROWS_FOR_BOTTOM = 16
_ROWS_FOR_TWO_AT_RIGHT = 32
_ROWS_FOR_EXTRAS = 10
_SHARE_MIN, _SHARE_MAX, _SHARE_STEP = 20, 80, 5
_DEFAULT_SHARES = {LEFT: 33, CENTRE: 40, RIGHT: 27, RIGHT_BELOW: 50, BOTTOM: 34}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants: ``shares`` are per cent of the width (of the height for the lower
    ones), ``hidden`` places are not seen, and with ``zoomed`` only the one in use is."""

    shares: Mapping[str, int] = field(default_factory=lambda: dict(_DEFAULT_SHARES))
    hidden: frozenset[str] = frozenset()
    zoomed: bool = False

    def resized(self, place: str, by: int) -> Wishes:
        """One place larger or smaller by some steps."""
        share = self.shares.get(place, _DEFAULT_SHARES[place]) + by * _SHARE_STEP
        return replace(self, shares={**self.shares, place: max(_SHARE_MIN, min(share, _SHARE_MAX))})

    def toggled_zoom(self) -> Wishes:
        """The place in use alone, or with all others again."""
        return replace(self, zoomed=not self.zoomed)

    def with_all(self) -> Wishes:
        """Every place that there is room for."""
        return replace(self, hidden=frozenset(), zoomed=False)

    def without(self, place: str) -> Wishes:
        """One place hidden; the last one stays."""
        hidden = self.hidden | {place}
        return self if hidden == frozenset(PLACES) else replace(self, hidden=hidden)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``shown`` are the places that are seen; ``widths`` are per cent of the screen's width for
    the upper ones, ``heights`` per cent of the height for the two lower ones. ``extras``: there is
    room for the header and the footer."""

    shown: frozenset[str]
    widths: Mapping[str, int]
    heights: Mapping[str, int]
    extras: bool


def arrange(width: int, height: int, used: str, wishes: Wishes) -> Arrangement:
    """The arrangement for a screen of so many columns and rows while ``used`` is in use."""
    extras = height >= _ROWS_FOR_EXTRAS
    if wishes.zoomed or height < _ROWS_FOR_BOTTOM:
        return Arrangement(frozenset((used,)), {used: 100}, _heights(wishes, {used}), extras)
    wanted = [place for place in PLACES if place not in wishes.hidden or place == used]
    upper = _upper(width, height, used, [place for place in wanted if place != BOTTOM])
    shown = {*upper, *({BOTTOM} & set(wanted))}
    return Arrangement(frozenset(shown), _widths(wishes, upper), _heights(wishes, shown), extras)


def _upper(width: int, height: int, used: str, wanted: list[str]) -> list[str]:
    """Those of the upper places that have room."""
    if height < _ROWS_FOR_TWO_AT_RIGHT and {RIGHT, RIGHT_BELOW} <= set(wanted):
        wanted = [place for place in wanted if place != _other_at_right(used)]
    columns = {_column(place) for place in wanted}
    room = 3 if width >= _COLUMNS_FOR_ALL else 2 if width >= _COLUMNS_FOR_TWO else 1
    if len(columns) > room:
        mine = _column(used) if used != BOTTOM else CENTRE
        first = [mine if mine in columns else min(columns)]
        others = [
            place for place in (CENTRE, RIGHT, LEFT) if place in columns and place not in first
        ]
        columns = set([*first, *others][:room])
    return [place for place in wanted if _column(place) in columns]


def _other_at_right(used: str) -> str:
    return RIGHT if used == RIGHT_BELOW else RIGHT_BELOW


def _column(place: str) -> str:
    return RIGHT if place == RIGHT_BELOW else place


def _widths(wishes: Wishes, upper: list[str]) -> dict[str, int]:
    columns = {_column(place) for place in upper}
    shares = {place: wishes.shares.get(place, _DEFAULT_SHARES[place]) for place in columns}
    whole = sum(shares.values())
    return {place: share * 100 // whole for place, share in shares.items()}


def _heights(wishes: Wishes, shown: set[str]) -> dict[str, int]:
    heights = {}
    if BOTTOM in shown:
        alone = shown == {BOTTOM}
        heights[BOTTOM] = 100 if alone else wishes.shares.get(BOTTOM, _DEFAULT_SHARES[BOTTOM])
    if RIGHT_BELOW in shown:
        both = RIGHT in shown
        share = wishes.shares.get(RIGHT_BELOW, _DEFAULT_SHARES[RIGHT_BELOW])
        heights[RIGHT_BELOW] = share if both else 100
    return heights
