"""The bar over a whole run: where what happens, where the guest stands, and what is marked.

Its cells are equal parts of the run, by events or by the guest's time. What a bar of one width
shows of the events is found out once; marks are laid over it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from monitors.calls.names import FAMILIES
from replay.machine.position import Position
from replay.tui.model.rows import Line, Role, Span, ToPosition
from traces.columns import EventColumns, kinds_named

HEIGHTS: Final = (2, 3, 4)
"""Rows that a bar may have: how much happens and marks; labels; what happens."""

_LEVELS = len("▁▂▃▄▅▆▇█")
_EVEN_LEVEL = 4
_LABEL_CELLS = 16
_SI = ("", "k", "M", "G", "T", "P", "E")
_MOVING = ("net", "block", "console")
_KINDS_OF = {family: kinds_named(names) for family, names in FAMILIES.items()}
_LOOKS: Mapping[str, tuple[str, Role]] = {
    "net": ("N", Role.INPUT),
    "block": ("B", Role.TYPE),
    "console": ("C", Role.OUTPUT),
    "end": ("E", Role.BAD),
    "poll": ("p", Role.DIM),
    "clock": ("t", Role.DIM),
    "traps": ("i", Role.DIM),
}
LEGEND: Final = (
    "N net, B block, C console, E end; where nothing moves: p poll, t clock, i trapped instruction"
)
"""What the letters of the row of kinds mean."""


class Axis(enum.Enum):
    """What a bar's cells are equal parts of."""

    EVENTS = "events"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ScrubberGlyphs:
    """``levels`` are eight signs, the more the more happens; the others one each."""

    levels: str
    unknown: str
    here: str
    checkpoint: str
    bookmark: str
    note: str
    divergence: str
    end: str
    tick: str


UNICODE: Final = ScrubberGlyphs("▁▂▃▄▅▆▇█", "┄", "▲", "·", "◆", "¶", "✗", "┤", "╵")
ASCII: Final = ScrubberGlyphs("_.-=+*%@", "~", "^", ".", "#", "n", "X", "|", "'")


@dataclass(frozen=True, slots=True)
class ScrubberMarks:
    """What is laid over the bar. ``diverges`` is the event where a replay went another way, and
    ``end`` where the recording ends, if that is not simply the end of the bar."""

    here: Position | None = None
    checkpoints: Sequence[Position] = ()
    bookmarks: Sequence[Position] = ()
    notes: Sequence[Position] = ()
    diverges: int | None = None
    end: Position | None = None


NO_MARKS: Final = ScrubberMarks()


class Scrubber:
    """A bar of ``width`` cells over a run of ``event_count`` events as far as it is scanned now.

    Where the guest never read a clock, or nothing is scanned yet, the axis is that of events.
    """

    def __init__(
        self,
        columns: EventColumns,
        event_count: int,
        width: int,
        axis: Axis = Axis.EVENTS,
        glyphs: ScrubberGlyphs = UNICODE,
    ) -> None:
        self.width = max(width, 1)
        self._columns = columns
        self._scanned = columns.event_count
        self._count = max(event_count, self._scanned)
        self._glyphs = glyphs
        self._end_ns = columns.time_ns(self._scanned - 1) if self._scanned else 0
        self.axis = axis if self._end_ns else Axis.EVENTS

    # ---- places

    def position(self, cell: int) -> Position:
        """Where a cell leads to: before the first event that happens in it, or behind it."""
        cell = max(0, min(cell, self.width - 1))
        return Position(min(self._first_of(cell), max(self._count - 1, 0)))

    def cell(self, position: Position) -> int:
        """The cell that a position is in."""
        if position.event >= self._count:
            return self.width - 1 if self._count else 0
        if self.axis is Axis.EVENTS:
            cell = self._cell_of(position.event)
        elif position.event >= self._scanned:
            cell = self.width - 1
        else:
            cell = self._columns.time_ns(position.event) * self.width // (self._end_ns + 1)
        return max(0, min(cell, self.width - 1))

    # ---- rows

    def lines(self, height: int, marks: ScrubberMarks = NO_MARKS) -> tuple[Line, ...]:
        """The bar in two to four rows; every cell leads to its place, every mark to its own."""
        rows = [self._amounts(marks)]
        if height > HEIGHTS[1]:
            rows.append(self._kinds())
        rows.append(self._marks(marks))
        if height >= HEIGHTS[1]:
            rows.append(self._labels())
        return tuple(rows)

    def _amounts(self, marks: ScrubberMarks) -> Line:
        here = None if marks.here is None else self.cell(marks.here)
        return tuple(
            Span(sign, Role.CURRENT if cell == here else role, self._targets[cell])
            for cell, (sign, role) in enumerate(self._signs)
        )

    def _kinds(self) -> Line:
        looks = zip(self._letters, self._targets, strict=True)
        return tuple(Span(letter, role, target) for (letter, role), target in looks)

    def _marks(self, marks: ScrubberMarks) -> Line:
        spans = [Span(" ", Role.DIM, target) for target in self._targets]
        for sign, role, positions in self._layers(marks):
            for position in positions:
                spans[self.cell(position)] = Span(sign, role, ToPosition(position))
        return tuple(spans)

    def _layers(self, marks: ScrubberMarks) -> Iterable[tuple[str, Role, Sequence[Position]]]:
        """Marks of each kind, the later above the earlier."""
        glyphs = self._glyphs
        diverges = () if marks.diverges is None else (Position(marks.diverges),)
        yield glyphs.checkpoint, Role.DIM, marks.checkpoints
        yield glyphs.end, Role.WARNING, () if marks.end is None else (marks.end,)
        yield glyphs.note, Role.COMMENT, marks.notes
        yield glyphs.bookmark, Role.MARK, marks.bookmarks
        yield glyphs.divergence, Role.BAD, diverges
        yield glyphs.here, Role.CURRENT, () if marks.here is None else (marks.here,)

    def _labels(self) -> Line:
        last = f"{self._end_label}{self._glyphs.tick}"[: self.width]
        free = self.width - len(last)
        spans: list[Span] = []
        at = 0
        for cell in range(0, free, _LABEL_CELLS):
            label = f"{self._glyphs.tick}{self._label(cell)}"
            if cell + len(label) >= free:
                break
            if cell > at:
                spans.append(Span(" " * (cell - at), Role.DIM))
            spans.append(Span(label, Role.DIM, self._targets[cell]))
            at = cell + len(label)
        if free > at:
            spans.append(Span(" " * (free - at), Role.DIM))
        return (*spans, Span(last, Role.DIM, ToPosition(Position(self._count))))

    # ---- what is found out once

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """The events of each cell as far as they are scanned. Where there are few events, each of
        them is in several cells."""
        firsts = [*map(self._first_of, range(self.width)), self._count]
        least = 0 if self.axis is Axis.TIME else 1
        ends = [(begin, max(end, begin + least)) for begin, end in pairwise(firsts)]
        return [(begin, max(begin, min(end, self._scanned))) for begin, end in ends]

    @cached_property
    def _targets(self) -> list[ToPosition]:
        return [ToPosition(self.position(cell)) for cell in range(self.width)]

    @cached_property
    def _signs(self) -> list[tuple[str, Role]]:
        levels = self._counts() if self.axis is Axis.TIME else self._rates()
        return [self._sign(level) for level in levels]

    def _sign(self, level: int | None) -> tuple[str, Role]:
        if level is None:
            return self._glyphs.unknown, Role.DIM
        return (self._glyphs.levels[level - 1], Role.TYPE) if level else (" ", Role.TEXT)

    def _counts(self) -> list[int | None]:
        """By time: how many events each cell has. The scale is that of the square root, so that
        neither one event nor a crowd is missed."""
        counts = [end - begin for begin, end in self._spans]
        most = max(counts)
        return [math.ceil(_LEVELS * math.sqrt(count / most)) if most else 0 for count in counts]

    def _rates(self) -> list[int | None]:
        """By events: how fast they follow each other, in orders of magnitude."""
        rates = [self._rate(begin, end) for begin, end in self._spans]
        known = [math.log(rate) for rate in rates if rate]
        if not known:
            return [None if self._count else 0] * self.width
        least, most = min(known), max(known)
        if most - least < math.log(2):
            return [_EVEN_LEVEL if rate else None for rate in rates]
        scale = (_LEVELS - 1) / (most - least)
        return [1 + round((math.log(rate) - least) * scale) if rate else None for rate in rates]

    def _rate(self, begin: int, end: int) -> float | None:
        """Events a nanosecond; None where nothing is scanned."""
        if begin >= end:
            return None
        if not self._end_ns:
            return 1.0
        time_ns = self._columns.time_ns
        spent_ns = time_ns(end - 1) - (time_ns(begin - 1) if begin else 0)
        return (end - begin) / max(spent_ns, self._end_ns / (self._count * 16))

    @cached_property
    def _letters(self) -> list[tuple[str, Role]]:
        """What each cell's events mostly do: what moves bytes goes before what only waits."""
        edges = {event for span in self._spans for event in span}
        before = {event: self._families_before(event) for event in edges}
        return [self._letter(before[begin], before[end]) for begin, end in self._spans]

    def _families_before(self, event: int) -> list[int]:
        """How many events before ``event`` are of each family, in the order of ``_KINDS_OF``."""
        counts = self._columns.counts_before(event)
        return [sum(counts[tag] for tag in kinds) for kinds in _KINDS_OF.values()]

    def _letter(self, before: Sequence[int], until: Sequence[int]) -> tuple[str, Role]:
        counts = {
            family: end - begin
            for family, begin, end in zip(_KINDS_OF, before, until, strict=True)
            if end > begin
        }
        if "end" in counts:
            return _LOOKS["end"]
        moving = {family: count for family, count in counts.items() if family in _MOVING}
        chosen = moving or counts
        return _LOOKS[max(chosen, key=chosen.__getitem__)] if chosen else (" ", Role.DIM)

    def _first_of(self, cell: int) -> int:
        """The first event of a cell; of few events, the one that the cell is a part of."""
        if self.axis is Axis.TIME:
            return self._columns.at_time(-(-cell * (self._end_ns + 1) // self.width))
        if self._count < self.width:
            return cell * self._count // self.width
        return -(-cell * self._count // self.width)

    def _cell_of(self, event: int) -> int:
        """The first cell of an event, which ``_first_of`` leads back from."""
        if self._count < self.width:
            return -(-event * self.width // self._count)
        return event * self.width // self._count

    # ---- words

    def _label(self, cell: int) -> str:
        if self.axis is Axis.TIME:
            return _seconds(cell * self._end_ns // self.width, self._end_ns)
        return short_number(cell * self._count // self.width)

    @property
    def _end_label(self) -> str:
        if self.axis is Axis.TIME:
            return _seconds(self._end_ns, self._end_ns)
        return f"{short_number(self._count)} events"


def short_number(number: int) -> str:
    """A number in four digits or less: ``5``, ``1.25k``, ``3.4M``."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_SI) - 1:
        value /= 1000
        unit += 1
    digits = 0 if not unit or value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if digits else text) + _SI[unit]


def _seconds(ns: int, whole_ns: int) -> str:
    """A time on an axis that is ``whole_ns`` long, in the unit that suits all of it."""
    if whole_ns < 10_000:
        return f"{ns} ns"
    if whole_ns < 10_000_000:
        return f"{ns / 1_000:.1f} µs"
    if whole_ns < 10_000_000_000:
        return f"{ns / 1_000_000:.0f} ms"
    seconds = ns // 1_000_000_000
    if whole_ns < 120_000_000_000:
        return f"{ns / 1_000_000_000:.1f} s"
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
