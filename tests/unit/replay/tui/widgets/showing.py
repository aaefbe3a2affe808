"""A screen with a few widgets on it, which keeps what they tell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from replay.machine.position import Position
from replay.player.stops import Stop, Why
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.event_lists import Events
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.rows_view import RowsView

SIZE = (100, 24)
Script = Callable[[Pilot[None]], Awaitable[None]]


class Showing(App[None]):
    """Some widgets, one above the other; ``told`` is what they have told."""

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self.widgets = widgets
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield from self.widgets

    def on_mount(self) -> None:
        for widget in self.widgets:
            if widget.can_focus:
                widget.focus()

    def on_event_told(self, message: Message) -> None:
        self.told.append(message)

    on_rows_view_chosen = on_event_told
    on_line_view_chosen = on_event_told
    on_scrubber_view_picked = on_event_told
    on_pane_wants_look = on_event_told
    on_pane_group_switched = on_event_told
    on_prompt_entered = on_event_told
    on_prompt_closed = on_event_told


def show(app: Showing, script: Script, size: tuple[int, int] = SIZE) -> list[Message]:
    """Do what ``script`` says; what the widgets have told then."""

    async def session() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await script(pilot)
            await pilot.pause()

    app.animation_level = "none"
    with at_once():
        asyncio.run(session())
    return app.told


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """While inside, no key waits for the processor to be idle."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("textual.app", "textual.pilot"):
            patch.setattr(f"{module}.wait_for_idle", _at_once)
        yield


async def _at_once(*_: float) -> None:
    await asyncio.sleep(0)


async def drawn(pilot: Pilot[None]) -> None:
    """Until the screen has been laid out and drawn again."""
    for _ in range(2):
        done = asyncio.Event()
        pilot.app.screen.call_after_refresh(done.set)
        await done.wait()
        await pilot.pause()


def shown(view: RowsView) -> list[str]:
    """The rows of a list that are on the screen."""
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def numbers(events: Events | None) -> list[int]:
    """The events that a pane lists."""
    return [] if events is None else [events[number] for number in range(len(events))]


def standing(at: Position, *, end: Position | None = None, **more: Any) -> Moment:
    """A guest that stands somewhere."""
    return Moment(at, Stop(at, Why.REACHED), end or Position(100), 0, (), **more)


def visit(pane: Pane, explorer: Explorer, way: Callable[[Explorer], Stop]) -> Moment:
    """Go somewhere, and show a pane what it wants to see there."""
    look = pane.look()
    moment = explorer.travel(way, {} if look is None else {pane.NAME: look})
    pane.show(moment)
    return moment


def look_again(pane: Pane, explorer: Explorer) -> None:
    """Show a pane what it wants to see now of a guest that stands where it stood."""
    visit(pane, explorer, lambda explorer: explorer.seek_exactly(explorer.timeline.position))
