"""What is kept of a session is what the next one begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.source_files import SourceFiles
from replay.player.timeline import Timeline
from replay.tui.app import ReplayApp
from replay.tui.explorer import Explorer
from replay.tui.model.session_state import SessionState, session_from_text, session_to_text
from replay.tui.opening import Opening
from replay.tui.recording import Recording
from tests.tui.driver import WIDE, Session, running
from tests.unit.replay.player.travelled import Journey
from traces.reader import open_trace

pytestmark = pytest.mark.slow


def session(
    path: Path, script: Callable[[Session], Awaitable[None]], opening: Opening
) -> SessionState:
    """A session that begins as ``opening`` says; what is to be kept of it, from a file's text."""

    async def run() -> ReplayApp:
        with open_trace(path) as trace:
            recording = Recording(trace)
            recording.begin(survey=False)
            app = ReplayApp(
                recording,
                lambda progress: Explorer(
                    Timeline(trace, progress=progress), SourceFiles((), (path.parent,))
                ),
                opening,
            )
            async with running(app, WIDE) as session:
                await session.settle()
                await script(session)
            return app

    state = asyncio.run(run()).session()
    assert state is not None
    return session_from_text(session_to_text(state))


def test_a_session_goes_on_where_it_was_left(everything: Journey) -> None:
    async def leave(s: Session) -> None:
        for command in (
            *("seek 5+3", "break tick", "watch box", "disable 1", "display/x $rip"),
            *("theme nord", "focus registers", "grow", "hide events", "focus stack"),
        ):
            await s.command(command)

    async def come_back(s: Session) -> None:
        assert s.position == Position(5, 3)
        assert s.used == "stack"
        assert s.app.theme == "nord"
        assert not s.is_seen("events")
        watches = s.text("watches")
        for text in ("tick", "box", "$rip"):
            assert text in watches
        await s.command("continue")
        assert "watch 2, box" in s.status

    kept = session(everything.path, leave, Opening())
    again = session(everything.path, come_back, Opening(kept=kept))
    assert again.wishes == kept.wishes
    assert again.theme == "nord"
    assert [each["enabled"] for each in again.points["points"]] == [False, True]


def test_a_theme_or_a_pane_that_there_is_not_is_none(everything: Journey) -> None:
    async def look(s: Session) -> None:
        assert s.used == "code"
        assert s.said == ["a remark"]

    kept = SessionState(pane="ceiling", theme="plaid")
    assert session(everything.path, look, Opening(kept=kept, remarks=("a remark",))).pane == "code"
