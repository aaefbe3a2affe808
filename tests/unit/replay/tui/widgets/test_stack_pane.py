"""The pane of calls and of the stack's words."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.player.stops import Direction
from replay.tui.explorer import Explorer
from replay.tui.model.rows import Role, ToFrame
from replay.tui.widgets.rows_view import RowsView
from replay.tui.widgets.stack_pane import StackForm, StackPane
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, look_again, show, visit


def test_the_calls_and_the_words(explorer: Explorer, everything: Journey) -> None:
    pane = StackPane()

    async def script(pilot: Pilot[None]) -> None:
        pane.switch_view()
        pane.switch_view()
        pane.switch_view()  # before there is anything
        assert pane.frames == 0
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        rows = texts(pane.rows)
        assert pane.frames >= 2
        assert "tick" in rows[0]
        assert "solo5_app_main" in rows[1]
        await pilot.press("down", "enter")
        seen = {}
        for form in (StackForm.BOTH, StackForm.WORDS, StackForm.CALLS):
            seen[form] = texts(pane.rows)
            assert pane.subtitle == ("" if form is StackForm.BOTH else form.value)
            pane.switch_view()
        assert [*seen[StackForm.CALLS], "", *seen[StackForm.WORDS]] == seen[StackForm.BOTH]

    told = show(Showing(pane), script)
    assert [each.target for each in told if isinstance(each, RowsView.Chosen)] == [ToFrame(1)]


def test_the_frame_that_is_looked_at_until_the_guest_moves(
    explorer: Explorer, everything: Journey
) -> None:
    pane = StackPane()

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        frame = pane.choose(1)
        assert (frame.number, frame.function, pane.chosen) == (1, "solo5_app_main", 1)
        look_again(pane, explorer)
        assert pane.chosen == 1
        visit(pane, explorer, lambda e: e.step(1))
        assert pane.chosen == 0

    show(Showing(pane), script)


def test_words_that_have_changed_are_marked(explorer: Explorer, everything: Journey) -> None:
    pane = StackPane()

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.seek_exactly(everything.at("tick")[0]))
        visit(pane, explorer, lambda e: e.seek_exactly(everything.at("tick")[-1]))
        lines = [pane.rows.line(index) for index in range(len(pane.rows))]
        assert any(span.role is Role.CHANGED for line in lines for span in line)

    show(Showing(pane), script)
