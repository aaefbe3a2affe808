"""A list of rows under keys and mouse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.model.rows import (
    FixedRows,
    Line,
    Role,
    Rows,
    Span,
    Target,
    ToEvent,
    ToPosition,
)
from replay.tui.widgets.rows_view import RowsView, span_at
from tests.unit.replay.tui.widgets.showing import at_once

HEIGHT = 10


class Numbered:
    """So many rows, each leading to the event of its number; it notes which were asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: set[int] = set()

    def __len__(self) -> int:
        return self.count

    def line(self, index: int) -> Line:
        self.asked.add(index)
        return (Span(f"{index:>8} ", Role.DIM), Span("event", Role.NAME, ToEvent(index)))


class Lists(App[None]):
    """One list, and what it has told."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.view = RowsView(id="list")
        self.chosen: list[Target] = []
        self.moves: list[int] = []
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.set_rows(self._rows)
        self.view.focus()

    def on_rows_view_chosen(self, event: RowsView.Chosen) -> None:
        self.chosen.append(event.target)

    def on_rows_view_cursor_moved(self, event: RowsView.CursorMoved) -> None:
        self.moves.append(event.row)


def run(rows: Rows, drive: Callable[[Lists, Pilot[None]], Awaitable[None]]) -> Lists:
    async def session() -> Lists:
        app = Lists(rows)
        async with app.run_test(size=(40, HEIGHT)) as pilot:
            await pilot.pause()
            await drive(app, pilot)
            await pilot.pause()
        return app

    with at_once():
        return asyncio.run(session())


def test_only_what_is_on_the_screen_is_made() -> None:
    rows = Numbered(5_000_000)

    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.press("end", "pageup", "home")

    app = run(rows, drive)
    assert app.moves == [4_999_999, 4_999_990, 0]
    assert len(rows.asked) < 100


def test_the_cursor_stays_on_the_screen() -> None:
    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.press(*["down"] * 15)
        await pilot.pause()
        assert app.view.cursor == 15
        assert 15 - HEIGHT < app.view.scroll_offset.y <= 15
        await pilot.press(*["up"] * 14)
        await pilot.pause()
        assert app.view.scroll_offset.y <= 1

    run(Numbered(100), drive)


@pytest.mark.parametrize(("key", "row"), [("j", 1), ("down", 1), ("pagedown", 9), ("end", 99)])
def test_keys_move_the_cursor(key: str, row: int) -> None:
    async def drive(_: Lists, pilot: Pilot[None]) -> None:
        await pilot.press(key)

    assert run(Numbered(100), drive).moves == [row]


def test_enter_follows_what_is_in_the_row() -> None:
    async def drive(_: Lists, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "enter")

    assert run(Numbered(100), drive).chosen == [ToEvent(2)]


def test_a_click_follows_what_is_under_it_and_nothing_else() -> None:
    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.click(app.view, offset=(2, 3))
        await pilot.click(app.view, offset=(10, 4))

    app = run(Numbered(100), drive)
    assert app.chosen == [ToEvent(4)]
    assert app.moves == [3, 4]


def test_a_click_below_the_last_row_is_nothing() -> None:
    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.click(app.view, offset=(2, 8))
        await pilot.press("enter", "down", "end", "pageup")

    assert run(Numbered(0), drive).chosen == []


def test_wide_rows_are_moved_sideways() -> None:
    rows = FixedRows(((Span("0123456789" * 10, Role.TEXT, ToPosition(Position(7))),),))

    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.press("right")
        await pilot.pause()
        assert app.view.render_line(0).text.startswith("89012345")
        await pilot.press("left", "left")
        await pilot.pause()
        assert app.view.render_line(0).text.startswith("01234567")

    run(rows, drive)


def test_rows_may_become_fewer_and_more() -> None:
    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        app.view.set_rows(Numbered(3))
        await pilot.pause()
        assert app.view.cursor == 2
        app.view.set_rows(Numbered(1000), cursor=500)
        await pilot.pause()
        assert app.view.scroll_offset.y <= 500 < app.view.scroll_offset.y + HEIGHT

    run(Numbered(100), drive)


def test_another_theme_gives_other_colours() -> None:
    async def drive(app: Lists, pilot: Pilot[None]) -> None:
        before = app.view.render_line(3)
        app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        after = app.view.render_line(3)
        assert before.text == after.text
        assert [s.style for s in before] != [s.style for s in after]

    run(Numbered(100), drive)


def test_wide_characters_take_two_cells() -> None:
    line = (Span("日本"), Span("x", Role.NAME))
    assert [span_at(line, cell) for cell in range(6)] == [line[0]] * 4 + [line[1], None]
