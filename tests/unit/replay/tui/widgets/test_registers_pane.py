"""The pane of registers."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.player.stops import Direction
from replay.tui.explorer import Explorer
from replay.tui.model.rows import Role, ToRegister
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.registers_pane import RegistersPane
from replay.tui.widgets.rows_view import RowsView
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, look_again, show, visit


def changed(pane: RegistersPane) -> bool:
    lines = [pane.rows.line(index) for index in range(len(pane.rows))]
    return any(span.role is Role.CHANGED for line in lines for span in line)


def test_what_changed_since_the_last_stop_is_marked(explorer: Explorer) -> None:
    pane = RegistersPane()

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        assert not changed(pane)
        visit(pane, explorer, lambda e: e.step(1))
        assert changed(pane)
        look_again(pane, explorer)
        assert changed(pane)  # still: the guest has not moved

    show(Showing(pane), script)


def test_sections_are_opened_and_closed(explorer: Explorer) -> None:
    pane = RegistersPane()

    async def script(pilot: Pilot[None]) -> None:
        pane.switch_view()  # before there are any
        pane.switch_view()
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        few = texts(pane.rows)
        pane.switch_view()
        assert any("xmm0" in row for row in texts(pane.rows))
        pane.switch_view()
        assert texts(pane.rows) == few
        sse = next(row for row, text in enumerate(few) if "SSE" in text)
        pane.move_cursor(sse)
        await pilot.press("enter")
        assert any("xmm0" in row for row in texts(pane.rows))
        assert not any("fcw" in row for row in texts(pane.rows))
        await pilot.press("enter")
        assert texts(pane.rows) == few

    show(Showing(pane), script)


def test_enter_goes_to_the_last_write(explorer: Explorer) -> None:
    pane = RegistersPane()

    async def script(pilot: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        row = next(row for row, text in enumerate(texts(pane.rows)) if "rsp" in text)
        pane.move_cursor(row)
        await pilot.press("enter")

    told = show(Showing(pane), script)
    (chosen,) = (each for each in told if isinstance(each, RowsView.Chosen))
    assert isinstance(chosen.target, ToRegister)


def test_another_frame_until_the_guest_moves(explorer: Explorer) -> None:
    pane = RegistersPane()

    async def script(_: Pilot[None]) -> None:
        visit(pane, explorer, lambda e: e.to_goal("tick", Direction.FORWARD))
        own = texts(pane.rows)
        registers = {**explorer.timeline.registers(), "rsp": 0x123450}
        pane.choose_frame(2, registers)
        look_again(pane, explorer)
        assert pane.subtitle == "of frame 2"
        assert any("123450" in row for row in texts(pane.rows))
        pane.choose_frame(0, registers)
        look_again(pane, explorer)
        assert (pane.subtitle, texts(pane.rows)) == ("", own)
        pane.choose_frame(2, registers)
        visit(pane, explorer, lambda e: e.step(1))
        assert pane.subtitle == ""
        assert not any("123450" in row for row in texts(pane.rows))

    told = show(Showing(pane), script)
    assert told == [Pane.WantsLook(pane)] * 3
