"""Functions and variables, found as one types."""

from __future__ import annotations

from textual.containers import Vertical
from textual.pilot import Pilot
from textual.widgets import Input

from replay.player.symbols import Symbol
from replay.tui.model.rows import Target, ToCode, ToMemory
from replay.tui.model.symbol_search import SymbolNames
from replay.tui.screens.symbols import SymbolScreen
from replay.tui.widgets.rows_view import RowsView
from tests.unit.replay.tui.widgets.showing import Script, Showing, drawn, show, shown

NAMES = SymbolNames(
    [Symbol(0x100, "net_read", 10), Symbol(0x200, "net_write", 10)], [Symbol(0x900, "netmask", 8)]
)


def choosing(text: str, script: Script) -> list[Target | None]:
    """What was chosen on the screen."""
    chosen: list[Target | None] = []

    async def session(pilot: Pilot[None]) -> None:
        pilot.app.push_screen(SymbolScreen(NAMES, text), chosen.append)
        await drawn(pilot)
        await script(pilot)
        await drawn(pilot)

    show(Showing(), session)
    return chosen


def rows(pilot: Pilot[None]) -> list[str]:
    return [row.split()[2] for row in shown(pilot.app.screen.query_one(RowsView)) if row]


def test_what_is_typed_is_looked_for_and_the_arrows_choose() -> None:
    async def script(pilot: Pilot[None]) -> None:
        assert sorted(rows(pilot)) == ["net_read", "net_write", "netmask"]
        await pilot.press("_")
        await drawn(pilot)
        assert rows(pilot) == ["net_read", "net_write"]
        await pilot.press("down", "enter")

    assert choosing("net", script) == [ToCode(0x200)]


def test_a_click_chooses() -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.click(pilot.app.screen.query_one(RowsView), offset=(22, 0))

    assert choosing("mask", script) == [ToMemory(0x900)]


def test_escape_chooses_nothing_and_so_does_enter_where_nothing_is_found() -> None:
    async def leave(pilot: Pilot[None]) -> None:
        await pilot.press("escape")

    async def enter(pilot: Pilot[None]) -> None:
        frame = pilot.app.screen.query_one(Vertical)
        assert rows(pilot) == []
        assert "nothing has such a name" in str(frame.border_subtitle)
        await pilot.press("end", "ctrl+u")
        await drawn(pilot)
        assert not frame.border_subtitle  # nothing was asked for
        pilot.app.screen.query_one(Input).value = "nothing like it"
        await drawn(pilot)
        await pilot.press("enter")

    assert choosing("net", leave) == [None]
    assert choosing("nothing like it", enter) == [None]
