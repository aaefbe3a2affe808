"""Breakpoints, watches, and expressions with their values."""

from __future__ import annotations

from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.points import Display, Point
from replay.tui.model.rows import message
from replay.tui.model.watches import PointRows, PointsSeen, look_at_points, point_rows
from replay.tui.widgets.pane import Look, Pane

_NONE = message(
    "b breaks at the line under the cursor, w watches the value under it;\n"
    ":break PLACE if CONDITION, :watch EXPR, :display EXPR."
)


class WatchesPane(Pane):
    """What journeys stop at, and what is shown at every stop."""

    NAME: ClassVar[str] = "watches"
    TITLE: ClassVar[str] = "Watches"
    KEY: ClassVar[str] = "9"
    ABOUT: ClassVar[str] = "breakpoints, watches and displays; Delete removes one"

    def __init__(self) -> None:
        super().__init__()
        self._seen: PointsSeen | None = None
        self._before: PointsSeen | None = None
        self._position: Position | None = None
        self._points: PointRows | None = None

    def look(self) -> Look:
        """The values of all."""

        def look(explorer: Explorer) -> PointsSeen:
            return look_at_points(explorer.timeline, explorer.symbols, explorer.points)

        return look

    def display_seen(self, moment: Moment, seen: object) -> None:
        """Values that are others than when the guest stood elsewhere are marked."""
        assert isinstance(seen, PointsSeen)
        if moment.position != self._position:
            self._before, self._position = self._seen, moment.position
        self._seen = seen
        rows = point_rows(moment.points, seen, self._before, problems=moment.problems)
        self._points = rows
        self.set_rows(rows if len(rows) else _NONE)
        self.subtitle = f"{len(rows)}" if len(rows) else ""

    def under_cursor(self) -> Display | Point | None:
        """The breakpoint, watch or display under the cursor."""
        if self._points is None or not self.cursor < len(self._points):
            return None
        return self._points.of(self.cursor)
