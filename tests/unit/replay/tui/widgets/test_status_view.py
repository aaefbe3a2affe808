"""The line at the bottom: where the guest stands, or what is under way."""

from __future__ import annotations

import asyncio

from textual.app import App, ComposeResult

from replay.machine.position import Position
from replay.player.stops import Stop, Why
from replay.tui.explorer import Moment, Trouble
from replay.tui.model.rows import plain
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.status_view import QUIET_TICKS, StatusView
from traces.reader import Trace


class Lines(App[None]):
    """The line alone."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.status = StatusView(recording)

    def compose(self) -> ComposeResult:
        yield self.status


def test_what_it_says(trace: Trace) -> None:
    here = Moment(Position(4), Stop(Position(4), Why.BREAK), Position(9), 99, (), because="watch 2")

    async def session() -> None:
        app = Lines(Recording(trace))
        async with app.run_test(size=(80, 3)):
            status = app.status
            status.show(here, None, None, None)
            assert "event 4" in plain(status.line)
            assert "watch 2" in plain(status.line)
            status.show(here, Trouble("no \x1b way"), None, None)
            assert r"no \x1b way" in plain(status.line)
            assert status.has_class("-trouble")
            journey = Undertaking("continue")
            status.show(here, None, journey, None)
            assert "continue" not in plain(status.line)
            journey.ticks = QUIET_TICKS
            half = Position(4 + (trace.event_count - 4) // 2)
            status.show(here, None, journey, half)
            assert "continue" in plain(status.line)
            assert "%" in plain(status.line)
            assert status.has_class("-busy")
            status.show(None, Trouble("the guest cannot run"), None, None)
            assert plain(status.line) == "✗ the guest cannot run"

    asyncio.run(session())
