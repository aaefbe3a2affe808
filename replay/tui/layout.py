"""Puts an arrangement on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import App

from replay.tui.model.arrangement import (
    BOTTOM,
    CENTRE,
    LEFT,
    PLACES,
    RIGHT,
    RIGHT_BELOW,
    Arrangement,
    Wishes,
    arrange,
)
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.pane_group import PaneGroup

_ROWS_FOR_SCRUBBER = 8


class Layout:
    """The places, each a group of panes, and what the user wants of them."""

    def __init__(self, groups: Mapping[str, PaneGroup]) -> None:
        self._groups = groups
        self._place_of = {pane: place for place, group in groups.items() for pane in group.panes}
        self.wishes = Wishes()

    def place_of(self, pane: Pane) -> str:
        """Where a pane is."""
        return self._place_of[pane]

    def apply(self, app: App[Any], used: Pane) -> None:
        """Show what there is room for, with ``used`` among it."""
        group = self._groups[self._place_of[used]]
        group.activate(used)
        size = app.size
        arrangement = arrange(size.width, size.height, self._place_of[used], self.wishes)
        for place in PLACES:
            self._groups[place].display = place in arrangement.shown
        self._size(app, arrangement)
        for extra in ("#header", "Footer"):
            app.query_one(extra).display = arrangement.extras
        app.query_one("ScrubberView").display = size.height >= _ROWS_FOR_SCRUBBER

    def _size(self, app: App[Any], arrangement: Arrangement) -> None:
        shown, groups = arrangement.shown, self._groups
        right = app.query_one("#right-column")
        right.display = bool(shown & {RIGHT, RIGHT_BELOW})
        upper = app.query_one("#upper")
        upper.display = bool(shown - {BOTTOM})
        for place, widget in ((LEFT, groups[LEFT]), (CENTRE, groups[CENTRE]), (RIGHT, right)):
            widget.styles.width = f"{arrangement.widths.get(place, 100)}fr"
        height = arrangement.heights.get(RIGHT_BELOW, 100)
        groups[CENTRE].set_class(LEFT in shown, "-beside")
        right.set_class(bool(shown & {LEFT, CENTRE}), "-beside")
        groups[RIGHT_BELOW].styles.height = f"{height}fr"
        groups[RIGHT].styles.height = f"{100 - height if height < 100 else 100}fr"
        groups[BOTTOM].styles.height = (
            "1fr" if shown == {BOTTOM} else f"{arrangement.heights.get(BOTTOM, 100)}%"
        )
