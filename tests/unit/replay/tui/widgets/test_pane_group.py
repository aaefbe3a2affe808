"""Panes in one place of the screen."""

from __future__ import annotations

from typing import ClassVar

from textual.pilot import Pilot

from replay.tui.model.rows import FixedRows, Span
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.pane_group import Detail, PaneGroup, Titles
from tests.unit.replay.tui.widgets.showing import Showing, drawn, show, shown


class First(Pane):
    NAME: ClassVar[str] = "first"
    TITLE: ClassVar[str] = "First"
    KEY: ClassVar[str] = "1"

    def detail(self) -> FixedRows | None:
        return FixedRows(((Span(f"about row {self.cursor}"),),)) if len(self.rows) else None


class Second(Pane):
    NAME: ClassVar[str] = "second"
    TITLE: ClassVar[str] = "Second"
    KEY: ClassVar[str] = "2"


def titles(group: PaneGroup) -> str:
    return group.query_one(Titles).render_line(0).text.rstrip()


def test_a_title_that_is_clicked_shows_its_pane() -> None:
    first, second = First(), Second()
    group = PaneGroup([first, second], id="group")

    async def script(pilot: Pilot[None]) -> None:
        assert titles(group) == " 1 First  2 Second"
        second.subtitle = "[b]of second[/b]"
        await pilot.click(group.query_one(Titles), offset=(11, 0))
        await pilot.pause()
        assert (first.display, second.display, second.has_focus) == (False, True, True)
        assert titles(group) == " 1 First  2 Second   [b]of second[/b]"
        await pilot.click(group.query_one(Titles), offset=(60, 0))  # behind all titles
        group.activate(second)  # which it is already

    assert show(Showing(group), script) == [PaneGroup.Switched(second)]


def test_the_focus_shows_in_the_title() -> None:
    first = First()
    group = PaneGroup([first], id="group")

    async def script(pilot: Pilot[None]) -> None:
        def styles() -> list[object]:
            return [segment.style for segment in group.query_one(Titles).render_line(0)]

        first.focus()
        await pilot.pause()
        focused = styles()
        pilot.app.set_focus(None)
        await pilot.pause()
        assert styles() != focused

    show(Showing(group), script)


def test_there_is_a_detail_where_there_is_room_and_something_to_say() -> None:
    first, second = First(), Second()
    group = PaneGroup([first, second], id="group")

    async def script(pilot: Pilot[None]) -> None:
        detail = group.query_one(Detail)
        group.show_detail()
        assert not detail.display  # nothing to say
        first.set_rows(FixedRows(((Span("a"),), (Span("b"),))))
        first.focus()
        await pilot.press("down")
        await drawn(pilot)
        assert shown(detail)[0] == "about row 1"
        group.activate(second)
        assert not detail.display
        group.activate(first)
        await drawn(pilot)
        assert shown(detail)[0] == "about row 1"

    show(Showing(group), script, size=(120, 20))


def test_there_is_no_detail_where_there_is_no_room() -> None:
    first = First()
    group = PaneGroup([first], id="group")

    async def script(pilot: Pilot[None]) -> None:
        first.set_rows(FixedRows(((Span("a"),), (Span("b"),))))
        group.show_detail()
        first.focus()
        await pilot.press("down")
        assert not group.query_one(Detail).display

    show(Showing(group), script, size=(80, 20))
