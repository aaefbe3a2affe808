"""Breakpoints, watches and displays as rows, with values where the guest stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from replay.engines.ports import Access
from replay.player.errors import PlayerError
from replay.player.expressions import parse_value
from replay.player.paged_view import paged
from replay.player.stops import View
from replay.player.symbols import Symbols
from replay.tui.model.glyphs import UNICODE, Glyphs
from replay.tui.model.listing import name_of
from replay.tui.model.meaning import text_at
from replay.tui.model.points import BreakPoint, Display, Point, Points, WatchPoint
from replay.tui.model.rows import Line, Role, Span, Target, ToCode, ToMemory, visible

_BITS = 64
_SHOWN_BYTES_MAX = 16
_ACCESSES = {Access.WRITE: "watch", Access.READ: "rwatch", Access.READ_WRITE: "awatch"}


@dataclass(frozen=True, slots=True)
class PointsSeen:
    """``values`` of watches by number, ``shown`` those of displays; None where memory cannot be
    read. ``places`` are source lines of breakpoints, ``problems`` what displays cannot say."""

    values: Mapping[int, bytes | None] = field(default_factory=dict)
    shown: Mapping[int, str] = field(default_factory=dict)
    places: Mapping[int, str] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    rip: int = 0


def look_at_points(view: View, symbols: Symbols, points: Points) -> PointsSeen:
    """The values where the guest stands."""
    view = paged(view)
    values: dict[int, bytes | None] = {}
    places: dict[int, str] = {}
    for point in points.points:
        if isinstance(point, BreakPoint):
            places[point.number] = _place(symbols, point)
        else:
            values[point.number] = view.read(point.address, min(point.size, _SHOWN_BYTES_MAX))
    shown: dict[int, str] = {}
    problems: dict[int, str] = {}
    for display in points.displays:
        try:
            value = parse_value(display.text, symbols)(view)
            shown[display.number] = formatted(value, display.form, view, symbols)
        except PlayerError as error:
            problems[display.number] = str(error)
    return PointsSeen(values, shown, places, problems, view.registers()["rip"])


def formatted(value: int, form: str, view: View, symbols: Symbols) -> str:
    """A value as one of ``FORMATS``, or in decimal and hexadecimal."""
    word = value % (1 << _BITS)
    if form == "x":
        return f"{word:#x}"
    if form == "u":
        return f"{word}"
    if form == "c":
        return f"{word & 0xFF} {chr(word & 0xFF)!a}"
    if form == "a":
        name = name_of(symbols, word)
        return f"{word:#x} <{visible(name)}>" if name else f"{word:#x}"
    if form == "s":
        text = text_at(view, word)
        return f'{word:#x} "{visible(text)}"' if text else f"{word:#x}, which is no text"
    signed = _signed(value)
    return f"{signed}" if form == "d" or -10 < signed < 10 else f"{signed}  {word:#x}"


def point_rows(
    points: Points,
    seen: PointsSeen,
    before: PointsSeen | None = None,
    *,
    problems: Mapping[int, str] | None = None,
    glyphs: Glyphs = UNICODE,
) -> PointRows:
    """All displays, then all breakpoints and watches; values that are not what they were before
    are marked. ``problems`` are those of ``Aims``."""
    old = before or seen
    wrong = problems or {}
    rows: list[tuple[Display | Point, Line]] = [
        (display, _display_line(display, seen, old, glyphs)) for display in points.displays
    ]
    for point in points.points:
        if isinstance(point, BreakPoint):
            line = _break_line(point, seen, glyphs)
        else:
            line = _watch_line(point, seen, old, glyphs)
        said = wrong.get(point.number, "")
        rows.append((point, (*line, Span(f"  {visible(said)}", Role.BAD)) if said else line))
    return PointRows(rows)


class PointRows:
    """See ``Rows``; each row is of one of ``Points``."""

    def __init__(self, rows: Sequence[tuple[Display | Point, Line]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        return self._rows[index][1]

    def of(self, index: int) -> Display | Point:
        """What a row shows."""
        return self._rows[index][0]


def _place(symbols: Symbols, point: BreakPoint) -> str:
    if not point.addresses:
        return ""
    place = symbols.place(point.addresses[0])
    others = f" and {len(point.addresses) - 1} more" if len(point.addresses) > 1 else ""
    source = f"{place.file}:{place.line}" if place.file else f"{point.addresses[0]:#x}"
    return f"{source}{others}"


def _display_line(display: Display, seen: PointsSeen, old: PointsSeen, glyphs: Glyphs) -> Line:
    number = display.number
    value, problem = seen.shown.get(number), seen.problems.get(number, "")
    is_changed = value is not None and old.shown.get(number, value) != value
    form = f"/{display.form} " if display.form else ""
    return (
        Span(f"{number:>3}: ", Role.DIM),
        Span(f"{form}{visible(display.text)}", Role.NAME),
        *_change(is_changed, glyphs),
        Span(value or "", Role.CHANGED if is_changed else Role.NUMBER),
        *((Span(visible(problem), Role.WARNING),) if value is None else ()),
    )


def _break_line(point: BreakPoint, seen: PointsSeen, glyphs: Glyphs) -> Line:
    kind = "tbreak" if point.is_temporary else "break"
    target = ToCode(point.addresses[0]) if point.addresses else None
    is_here = seen.rip in point.addresses
    return (
        *_head(point, kind, glyphs, is_here=is_here),
        Span(visible(point.place), Role.NAME, target),
        *_condition(point),
        Span(f"  {visible(seen.places.get(point.number, ''))}", Role.DIM, target),
        *_hits(point),
    )


def _watch_line(point: WatchPoint, seen: PointsSeen, old: PointsSeen, glyphs: Glyphs) -> Line:
    value = seen.values.get(point.number)
    before = old.values.get(point.number, value)
    is_changed = value != before
    target = ToMemory(point.address, point.size)
    return (
        *_head(point, _ACCESSES[point.access], glyphs, is_here=False),
        Span(visible(point.text), Role.NAME, target),
        *_condition(point),
        *_change(is_changed, glyphs),
        *_value_spans(value, before if is_changed else value, target, size=point.size),
        *_hits(point),
    )


def _head(point: Point, kind: str, glyphs: Glyphs, *, is_here: bool) -> Line:
    return (
        Span(f"{point.number:>3} ", Role.NUMBER),
        Span(glyphs.enabled if point.is_enabled else glyphs.disabled, Role.MARK),
        Span(glyphs.here if is_here else " ", Role.CURRENT if is_here else Role.TEXT),
        Span(f"{kind} ", Role.KEYWORD),
    )


def _condition(point: Point) -> Line:
    return (Span(f" if {visible(point.condition)}", Role.TEXT),) if point.condition else ()


def _hits(point: Point) -> Line:
    if not point.hits:
        return ()
    return (Span(f"  {point.hits} hit{'s' if point.hits > 1 else ''}", Role.DIM),)


def _change(is_changed: bool, glyphs: Glyphs) -> Line:
    mark = Span(glyphs.change, Role.CHANGED) if is_changed else Span(" ")
    return (Span(" ="), mark)


def _value_spans(value: bytes | None, before: bytes | None, target: Target, *, size: int) -> Line:
    if value is None:
        return (Span("no memory can be read there", Role.WARNING),)
    is_changed = value != before
    spans = [Span(_bytes_text(value, size), Role.CHANGED if is_changed else Role.NUMBER, target)]
    if is_changed and before is not None:
        spans.append(Span(f"  was {_bytes_text(before, size)}", Role.DIM))
    return tuple(spans)


def number_text(number: int) -> str:
    """A number as people count, and, where that is something else, as machines do."""
    return f"{number}" if number < 10 else f"{number} {number:#x}"


def _bytes_text(value: bytes, size: int) -> str:
    if size <= 8:
        number = int.from_bytes(value, "little")
        return f"{number}" if number < 10 else f"{number}  {number:#x}"
    return f"{value.hex(' ')}{' ...' if size > len(value) else ''}"


def _signed(value: int) -> int:
    value %= 1 << _BITS
    return value - (1 << _BITS) if value >> (_BITS - 1) else value
