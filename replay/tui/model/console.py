"""The console of the whole run, as of a moment.

A row's number leads to where its first byte is about to be printed, its text to just behind the
event that printed its last byte: there, it can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from replay.machine.position import Position
from replay.tui.model.console_lines import ConsoleLines, Extent
from replay.tui.model.rows import Line, Role, Span, Target, ToEvent, ToPosition, visible

_TAB_CELLS = 8
_SEQUENCE = re.compile(r"(\x1b(?:\[[0-?]*[ -/]*[@-~]|.)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """How much is known: ``read`` is the part of the run that was replayed for it (0 to 1), and
    ``left_out`` counts bytes for which there was no room."""

    read: float = 1.0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ConsoleLook:
    """How it is shown: rows that come later dimmed, or not at all; ``wanted`` is what was searched
    for; ``numbers`` has the events beside the rows."""

    hides_later: bool = False
    wanted: str = ""
    numbers: bool = True


class ConsoleRows:
    """Rows of the console, with one that says where ``here`` is between what was printed by then
    and what comes later; see ``Rows``."""

    def __init__(
        self,
        lines: ConsoleLines,
        here: Position,
        look: ConsoleLook | None = None,
        state: ConsoleState | None = None,
    ) -> None:
        self._lines = lines
        self._look = look or ConsoleLook()
        self._here = here
        self._printed = min(lines.text.size_before(here.event), lines.known)
        self._last = _last_line(state or ConsoleState())
        begun = lines.row_at(self._printed - 1) + 1 if self._printed else 0
        self.here_row = begun
        """The row that says where ``here`` is."""
        self._count = begun if self._look.hides_later else len(lines)

    def __len__(self) -> int:
        return self._count + 1 + bool(self._last)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        if index == self.here_row:
            return self._here_line()
        row = index - (index > self.here_row)
        return self._last if row >= self._count else self._text_line(row)

    def row_of(self, index: int) -> int | None:
        """The console's row that is shown at ``index``; None for what is said between them."""
        row = index - (index > self.here_row)
        return None if index == self.here_row or row >= self._count else row

    def index_of(self, row: int) -> int:
        """Where a row of the console is shown, or the nearest before it."""
        row = max(0, min(row, self._count - 1))
        return row + (row >= self.here_row)

    def _here_line(self) -> Line:
        more = self._lines.known - self._printed
        hidden = f", {more:,} bytes come later" if self._look.hides_later and more else ""
        text = f"── here: event {self._here.event:,}{hidden} ──"
        return (Span(text, Role.CURRENT, ToPosition(self._here)),)

    def _text_line(self, row: int) -> Line:
        extent = self._lines.extent(row)
        spans = [self._number(extent)] if self._look.numbers else []
        target = printed_behind(self._lines, extent)
        now = max(extent.start, min(extent.end, self._printed))
        spans += _spans(self._read(extent.start, now), Role.TEXT, target, self._look.wanted)
        if not self._look.hides_later:
            spans += _spans(self._read(now, extent.end), Role.DIM, target, self._look.wanted)
        return tuple(spans)

    def _number(self, extent: Extent) -> Span:
        event = self._lines.text.event_at(extent.start)
        text = f"{event:>8} " if _begins_line(self._lines, extent) else f"{'…':>8} "
        return Span(text, Role.DIM, ToEvent(event))

    def _read(self, start: int, end: int) -> bytes:
        return self._lines.text.text(start, end)


def printed_behind(lines: ConsoleLines, extent: Extent) -> ToPosition:
    """Just behind the event that printed the last byte of a row."""
    return ToPosition(Position(lines.text.event_at(extent.end - 1) + 1))


def line_after(lines: ConsoleLines, here: Position) -> Position | None:
    """Where the next row that is not wholly printed at ``here`` is; None: none is known."""
    row = lines.row_at(lines.text.size_before(here.event))
    return None if row >= len(lines) else printed_behind(lines, lines.extent(row)).position


def line_before(lines: ConsoleLines, here: Position) -> Position | None:
    """The last place before ``here`` behind a row's end; None: none."""
    event = here.event if here.instructions else here.event - 1
    printed = lines.text.size_before(max(event, 0))
    row = lines.row_at(printed - 1) if printed else -1
    while row >= 0:
        position = printed_behind(lines, lines.extent(row)).position
        if position < here:
            return position
        row -= 1
    return None


def find_row(lines: ConsoleLines, wanted: str, row: int, *, backward: bool = False) -> int | None:
    """The first row behind ``row``, or the last before it, in which ``wanted`` begins; -1 is before
    all rows. Takes some 30 ms for what is nowhere in 64 MiB."""
    data, text = wanted.encode("utf-8", "surrogateescape"), lines.text
    if not data:
        return None
    if backward:
        end = lines.extent(row).start if row < len(lines) else lines.known
        found = text.find_last(data, 0, min(end + len(data) - 1, lines.known))
    else:
        start = lines.extent(row).end if 0 <= row < len(lines) else 0 if row < 0 else lines.known
        found = text.find(data, start, lines.known)
    return None if found < 0 else lines.row_at(found)


def _begins_line(lines: ConsoleLines, extent: Extent) -> bool:
    return not extent.start or lines.text.text(extent.start - 1, extent.start) == b"\n"


def _last_line(state: ConsoleState) -> Line:
    if state.read < 1:
        text = f"… {int(state.read * 100)} % read"
        return (Span(text, Role.DIM),)
    if state.left_out:
        return (Span(f"… {state.left_out:,} bytes more were printed and not kept", Role.WARNING),)
    return ()


def _spans(data: bytes, role: Role, target: Target, wanted: str) -> Iterator[Span]:
    """Text of the guest, none of which a terminal would obey; what was escaped is dim."""
    text = data.decode("utf-8", "backslashreplace").removesuffix("\n").removesuffix("\r")
    for number, piece in enumerate(_SEQUENCE.split(text)):
        if number % 2:
            yield Span(visible(piece), Role.DIM, target)
        elif piece:
            yield from _marked(_plainly(piece), wanted, role, target)


def _plainly(text: str) -> str:
    return visible(text.expandtabs(_TAB_CELLS) if "\t" in text else text)


def _marked(text: str, wanted: str, role: Role, target: Target) -> Iterator[Span]:
    """``text`` with what was searched for marked in it."""
    parts = text.split(wanted) if wanted else [text]
    for number, part in enumerate(parts):
        if number:
            yield Span(wanted, Role.MATCH, target)
        if part:
            yield Span(part, role, target)
