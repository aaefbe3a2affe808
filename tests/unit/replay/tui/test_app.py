"""The application apart from its verbs, each of which has its test in ``tests/tui``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from replay.engines.errors import EngineError
from replay.machine.position import Position
from replay.tui.app import ReplayApp
from replay.tui.desk import Handler
from replay.tui.explorer import Explorer
from replay.tui.model.rows import plain
from replay.tui.recording import Recording
from replay.tui.verbs import all_verbs
from replay.tui.widgets.line_view import LineView
from tests.tui.driver import Session, drive, running
from tests.unit.replay.player.travelled import Journey
from traces.reader import Trace

pytestmark = pytest.mark.slow


def with_handler(app: ReplayApp, command: str, error: Exception) -> None:
    """Let a verb fail."""

    async def fail(_: str) -> None:
        raise error

    handlers: dict[str, Handler] = {**app._handlers, command: fail}
    app._handlers = handlers


def test_mistakes_end_no_session(everything: Journey) -> None:
    async def script(s: Session) -> None:
        with_handler(s.app, "help", ValueError("\x1b[2J"))
        await s.command("help")
        assert s.said[-1].startswith("this is a bug of solo5-replay: ValueError: ")
        assert s.said[-1].isprintable()
        assert any("raise error" in line for line in s.output)
        with_handler(s.app, "help", PermissionError(13, "Permission denied", "/a/file"))
        await s.command("help")
        assert s.said[-1] == "/a/file: Permission denied"
        await s.command("seek 2")
        assert s.position == Position(2)

    drive(everything.path, script, survey=False)


def test_commands_are_echoed_and_nothing_is_told_twice_at_a_time(everything: Journey) -> None:
    async def script(s: Session) -> None:
        for _ in range(2):
            await s.command("nothing like it")
        assert len(s.said) == len(set(s.said))
        assert s.output.count(":nothing like it") == 2
        count = len(s.output)
        await s.command("   ")
        assert len(s.output) == count

    drive(everything.path, script, survey=False)


def test_what_is_kept_of_a_session(everything: Journey) -> None:
    async def script(s: Session) -> None:
        await s.command("seek 3")
        await s.command("break tick")
        await s.command("zoom")
        await s.press("4")
        kept = s.app.session()
        assert kept is not None
        assert (kept.position, kept.pane, kept.theme) == (Position(3), "stack", s.app.theme)
        assert len(kept.points["points"]) == 1

    drive(everything.path, script, survey=False)


def test_the_palette_has_every_verb(everything: Journey) -> None:
    async def script(s: Session) -> None:
        commands = {each.title: each for each in s.app.get_system_commands(s.app.screen)}
        assert set(commands) == {verb.command for verb in all_verbs()}
        commands["tbreak"].callback()  # which cannot do without an argument
        await s.settle()
        assert s.typed == "tbreak "
        await s.press("escape")
        commands["end"].callback()
        await s.settle()
        assert s.position == s.moment.end

    drive(everything.path, script, survey=False)


def test_a_guest_that_cannot_run_leaves_the_recording_to_look_at(trace: Trace) -> None:
    def open_explorer(_: Callable[[Position], object]) -> Explorer:
        raise EngineError("no engine \x1b here")

    async def session() -> None:
        recording = Recording(trace)
        recording.begin(survey=False)
        app = ReplayApp(recording, open_explorer)
        async with running(app, (80, 24)) as s:
            while not s.said:
                await s.pilot.pause()
            status = plain(app.query_one("#status", LineView).line)
            assert "the guest cannot run: no engine" in status
            assert status.isprintable()
            assert len(s.rows("events")) == trace.event_count
            assert app.session() is None

    asyncio.run(session())
