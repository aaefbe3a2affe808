"""What all panes share."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.explorer import Trouble
from replay.tui.model.rows import FixedRows, Line, Rows, Span, ToCode, ToMemory, ToRegister, plain
from replay.tui.undertaking import Undertaking
from replay.tui.widgets import pane as pane_module
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.rows_view import RowsView
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, show, standing


class Plain(Pane):
    NAME: ClassVar[str] = "plain"
    TITLE: ClassVar[str] = "Plain"


class Many:
    """So many rows, of which some have a word."""

    def __init__(self, count: int, *marked: int) -> None:
        self._count, self._marked = count, marked

    def __len__(self) -> int:
        return self._count

    def line(self, index: int) -> Line:
        return (Span("Straße" if index in self._marked else "way"),)


def finding(rows: Rows, *steps: int, work: Undertaking | None = None) -> list[int | None]:
    """Where the cursor is after each search for a word; ``None``: it was not found."""
    pane, found = Plain(), list[int | None]()

    async def script(_: Pilot[None]) -> None:
        pane.set_rows(rows)
        for step in steps:
            is_there = await pane.find("STRASSE", step, work or Undertaking(""))
            found.append(pane.cursor if is_there else None)

    show(Showing(pane), script)
    return found


def test_rows_are_searched_in_both_directions_and_not_around() -> None:
    assert finding(Many(9, 0, 4, 7), 1, 1, 1, -1, -1, -1) == [4, 7, None, 4, 0, None]
    assert finding(FixedRows(), 1, -1) == [None, None]


def test_a_long_search_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pane_module, "_SLICE_S", 0)
    work = Undertaking("")
    assert finding(Many(500, 300), 1, work=work) == [300]
    assert work.fraction is not None
    assert 0.5 < work.fraction < 0.7
    assert finding(Many(500, 300), 1, work=Undertaking("", is_cancelled=True)) == [None]


def test_the_value_under_the_cursor_is_the_first_of_its_row() -> None:
    pane = Plain()
    lines = (
        (Span("a", target=ToCode(1)), Span("b", target=ToMemory(2)), Span("c", target=ToMemory(3))),
        (Span("d", target=ToRegister("rax")),),
        (Span("e"),),
    )

    async def script(_: Pilot[None]) -> None:
        pane.set_rows(FixedRows(lines))
        values = []
        for row in range(3):
            pane.move_cursor(row)
            values.append(pane.value())
        assert values == [ToMemory(2), ToRegister("rax"), None]

    show(Showing(pane), script)


def test_a_look_that_failed_says_so_and_no_look_changes_nothing() -> None:
    pane = Plain()

    async def script(_: Pilot[None]) -> None:
        pane.set_rows(FixedRows(((Span("before"),),)))
        pane.show(standing(Position(1)))
        assert texts(pane.rows) == ["before"]
        pane.show(standing(Position(1), seen={"plain": Trouble("it cannot \x1b be read")}))
        assert plain(pane.rows.line(0)).startswith("it cannot")
        assert texts(pane.rows)
        with pytest.raises(NotImplementedError):
            pane.show(standing(Position(1), seen={"plain": 7}))

    show(Showing(pane), script)


def test_a_new_subtitle_is_told_once() -> None:
    pane = Plain()

    class Listening(Showing):
        def on_pane_retitled(self, event: Pane.Retitled) -> None:
            self.told.append(event)

    async def script(_: Pilot[None]) -> None:
        pane.subtitle = "one"
        pane.subtitle = "one"

    assert show(Listening(pane), script) == [Pane.Retitled(pane)]


def test_finding_moves_the_cursor_as_a_hand_does() -> None:
    pane = Plain()

    class Listening(Showing):
        def on_rows_view_cursor_moved(self, event: RowsView.CursorMoved) -> None:
            self.told.append(event)

    async def script(_: Pilot[None]) -> None:
        pane.set_rows(Many(9, 5))
        await pane.find("straße", 1, Undertaking(""))

    assert show(Listening(pane), script) == [RowsView.CursorMoved(pane, 5)]
