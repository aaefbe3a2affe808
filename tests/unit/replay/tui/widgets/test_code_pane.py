"""The pane of the code."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.player.stops import Direction
from replay.tui.explorer import Explorer
from replay.tui.model.code_rows import Form
from replay.tui.model.points import BreakPoint, Points
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.pane import Pane
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, look_again, show, shown, visit


def row(pane: CodePane) -> str:
    return texts(pane.rows)[pane.cursor]


def test_the_cursor_follows_the_guest(explorer: Explorer, everything: Journey) -> None:
    pane = CodePane()

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("copy", Direction.FORWARD))
        assert "▶" in row(pane)
        assert "copying: rep movsb" in row(pane)
        assert pane.subtitle.startswith("main.c:")
        assert "copy" in pane.subtitle
        assert any("copying: rep movsb" in line for line in shown(pane))
        before = row(pane)
        pane.move_cursor(0)
        look_again(pane, explorer)  # which leaves the cursor where the user has put it
        assert pane.cursor == 0
        visit(pane, explorer, lambda e: e.to_goal("unaligned", Direction.FORWARD))
        assert row(pane) != before

    show(Showing(pane), script)


def test_other_code_is_looked_at_until_the_guest_moves(
    explorer: Explorer, everything: Journey
) -> None:
    pane = CodePane()

    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("copy", Direction.FORWARD))
        pane.go_to(everything["tick"])
        look_again(pane, explorer)
        assert "tick" in pane.subtitle
        assert pane.addresses_under_cursor() == (everything["tick"],)
        explorer.set_points(Points((BreakPoint(1, "tick", (everything["tick"],)),)))
        look_again(pane, explorer)
        assert "●" in row(pane)
        visit(pane, explorer, lambda e: e.step(1))
        assert "copy" in pane.subtitle
        await pilot.pause()

    told = show(Showing(pane), script)
    assert [message.pane for message in told if isinstance(message, Pane.WantsLook)] == [pane]


def test_source_both_and_instructions(explorer: Explorer, everything: Journey) -> None:
    pane = CodePane()
    forms = {}

    async def script(_pilot: Pilot[None]) -> None:
        pane.switch_view()  # before there is anything to show
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        for _ in Form:
            forms[pane.subtitle.rpartition(" · ")[2]] = row(pane)
            pane.switch_view()

    show(Showing(pane), script)
    assert set(forms) == {form.value for form in Form}
    assert "void tick(void)" in forms[Form.SOURCE.value]
    assert f"{everything['tick']:#x}" in forms[Form.DISASSEMBLY.value]
    assert all("▶" in line for line in forms.values())


def test_nothing_can_be_marked_where_there_is_no_code() -> None:
    pane = CodePane()
    assert pane.place_under_cursor() == ""
    assert pane.addresses_under_cursor() == ()
