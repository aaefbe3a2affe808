"""The pane of breakpoints, watches and displays."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.tui.explorer import Explorer
from replay.tui.model.points import BreakPoint, Display, Points, WatchPoint
from replay.tui.model.rows import Role
from replay.tui.widgets.watches_pane import WatchesPane
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, look_again, show, visit


def test_without_any_it_says_how_to_make_some(explorer: Explorer) -> None:
    pane = WatchesPane()

    async def script(_: Pilot[None]) -> None:
        assert pane.under_cursor() is None
        look_again(pane, explorer)
        assert "breaks at the line" in texts(pane.rows)[0]
        assert (pane.under_cursor(), pane.subtitle) == (None, "")

    show(Showing(pane), script)


def test_values_that_have_changed_are_marked(explorer: Explorer, everything: Journey) -> None:
    pane = WatchesPane()
    before, behind = everything.changes(0, 8)[1]
    watch = WatchPoint(1, "u64[&box]", everything.box, 8)
    stop = BreakPoint(2, "tick", (everything["tick"],))
    explorer.set_points(Points((watch, stop), (Display(1, "u64[&box] + 1"),), 3, 2))

    def changed() -> list[bool]:
        lines = [pane.rows.line(index) for index in range(len(pane.rows))]
        return [any(span.role is Role.CHANGED for span in line) for line in lines]

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.seek_exactly(before))
        assert changed() == [False] * 3
        assert pane.subtitle == "3"
        visit(pane, explorer, lambda e: e.seek_exactly(behind))
        assert changed() == [True, True, False]
        look_again(pane, explorer)
        assert changed() == [True, True, False]  # still: the guest has not moved
        found = []
        for row in range(3):
            pane.move_cursor(row)
            found.append(pane.under_cursor())
        assert found == [Display(1, "u64[&box] + 1"), watch, stop]

    show(Showing(pane), script)
