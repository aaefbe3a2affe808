"""One row of styled text."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.tui.model.rows import Role, Span, ToEvent
from replay.tui.widgets.line_view import LineView
from tests.unit.replay.tui.widgets.showing import Showing, show

LINE = (Span("no [b]markup[/b] "), Span("event", Role.NAME, ToEvent(7)))


def seen(view: LineView) -> str:
    return view.render_line(0).text.strip()


def test_what_is_set_is_shown_as_it_is() -> None:
    view = LineView()

    async def script(pilot: Pilot[None]) -> None:
        view.line = LINE
        await pilot.pause()
        assert seen(view) == "no [b]markup[/b] event"
        view.line = (Span("x" * 200),)
        await pilot.pause()
        assert seen(view) == "x" * 99 + "…"

    show(Showing(view), script)


def test_a_click_follows_what_is_under_it_with_padding_too() -> None:
    view = LineView()

    async def script(pilot: Pilot[None]) -> None:
        view.styles.padding = (0, 3)
        view.line = LINE
        await pilot.pause()
        for x in (0, 3, 19, 20, 24, 25):
            await pilot.click(view, offset=(x, 0))

    told = show(Showing(view), script)
    assert told == [LineView.Chosen(ToEvent(7))] * 2


def test_another_theme_gives_other_colours() -> None:
    view = LineView()

    async def script(pilot: Pilot[None]) -> None:
        view.line = LINE
        await pilot.pause()
        before = view.render().spans
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert view.render().spans != before

    show(Showing(view), script)
