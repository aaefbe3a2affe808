"""Drives the terminal interface in tests: keys and clicks go in, and what is on the screen comes
out. Nothing here waits for a time: ``Session.settle`` waits for whatever is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

import pytest
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widget import Widget

from replay.machine.position import Position
from replay.player.given_log import GivenLog
from replay.player.session import Changes
from replay.player.source_files import SourceFiles
from replay.player.survey import Survey
from replay.player.timeline import Timeline
from replay.player.verdict import Verdict
from replay.toolchain.bindings import guest_tree
from replay.tui.app import ReplayApp
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.rows import Rows, plain
from replay.tui.recording import Recording
from replay.tui.verbs import UnknownCommand, all_verbs, find_verb
from replay.tui.widgets.line_view import LineView
from replay.tui.widgets.pane import Pane
from replay.tui.widgets.prompt import Prompt
from replay.tui.widgets.rows_view import RowsView
from replay.tui.widgets.scrubber_view import ScrubberView
from traces.reader import Trace, open_trace

P = ParamSpec("P")
WIDE, NARROW, LARGE = (160, 50), (80, 24), (200, 60)
_PATIENCE_S = 120
_FOR_EVER_S = 1e6
_ROWS_MAX = 1000
_QUIET_ROUNDS = 2
ENGINE = "unicorn"
"""The engine of surveys: the one that is the same on every machine."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A survey that has come to its end."""

    log: GivenLog
    verdict: Verdict | None

    def close(self) -> None:
        """There is nothing left to end."""


_SURVEYS: dict[Path, Surveyed] = {}


def surveyed(path: Path) -> Surveyed:
    """What a survey of a trace comes to; made once for each."""
    if path not in _SURVEYS:
        log = GivenLog()
        survey = Survey(path, log, engine=ENGINE)
        verdict = survey.wait(_PATIENCE_S)
        survey.close()
        _SURVEYS[path] = Surveyed(log, verdict)
    return _SURVEYS[path]


def share_survey(of: Path, also: Path) -> None:
    """A copy of a trace has the survey of the trace."""
    _SURVEYS[also] = surveyed(of)


class Session:
    """One application under test, with its pilot."""

    def __init__(self, app: ReplayApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    def stop_drawing(self) -> None:
        """From now on the screen is drawn when it is looked at only, which takes most of the time
        otherwise."""
        self.app._batch_count += 1

    def go_on_drawing(self) -> None:
        """As before ``stop_drawing``."""
        self.app._batch_count -= 1
        self.app.screen.refresh(layout=True)

    def draw(self) -> None:
        """Draw the screen as it is now."""
        count, self.app._batch_count = self.app._batch_count, 0
        self.app.screen._on_timer_update()
        self.app._batch_count = count

    # ---- going on

    async def settle(self) -> None:
        """Until nothing is under way: no journey, worker, look, message. What fails is raised."""
        quiet = 0
        async with asyncio.timeout(_PATIENCE_S):
            while quiet < _QUIET_ROUNDS and self.app.is_running:
                await self.pilot._wait_for_screen()
                await asyncio.sleep(0)
                if self.app._exception is not None:
                    raise self.app._exception
                quiet = 0 if await self._one_thing() else quiet + 1

    async def _one_thing(self) -> bool:
        """Wait for something that is under way; whether there was any."""
        app, recording = self.app, self.app.recording
        working = [worker for worker in app.workers if not worker.is_finished]
        if working:
            waits = [asyncio.ensure_future(worker.wait()) for worker in working]
            await asyncio.gather(*waits, return_exceptions=True)
        elif not app.navigator.opened.done():
            await asyncio.wait([asyncio.wrap_future(app.navigator.opened)])
        elif app.navigator.busy:
            await asyncio.wait([asyncio.wrap_future(app.navigator.submit(lambda _: None))])
        elif recording._scanner is not None and recording._scanner.is_alive():
            await asyncio.to_thread(recording._scanner.join)
        elif recording._news.is_set():
            app._tick()
        elif self._is_to_be_drawn():
            app.screen._on_timer_update()
        elif app.screen._compositor.size != app.size:  # it has not heard of another size yet
            await asyncio.sleep(0)
        else:
            return any(each.message_queue_size for each in self._widgets())
        return True

    def _is_to_be_drawn(self) -> bool:
        screen = self.app.screen
        if self.app._batch_count:
            return False
        return screen._layout_required or screen._scroll_required or bool(screen._dirty_widgets)

    def _widgets(self) -> Iterator[ReplayApp | Widget]:
        yield self.app
        with contextlib.suppress(Exception):  # there is no screen behind the end
            for screen in self.app.screen_stack:
                yield from (each for each in screen.walk_children(with_self=True))  # type: ignore[misc]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until something is so, while other things go on."""
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                await self.pilot._wait_for_screen()
                await asyncio.sleep(0)

    async def press(self, *keys: str) -> None:
        """Keys, by Textual's names; each has had its effect before the next."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def begin(self, *keys: str) -> None:
        """Keys whose effects go on while the test does."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        for letter in text:
            await self.pilot.press("space" if letter == " " else letter)

    async def command(self, text: str) -> None:
        """A command behind ``:``, and Enter."""
        await self.begin_command(text)
        await self.settle()

    async def begin_command(self, text: str) -> None:
        """A command whose effect goes on while the test does."""
        self.app.prompt(":", text)
        await self.pilot._wait_for_screen()
        await self.pilot.press("enter")

    async def click(self, widget: Widget, x: int, y: int) -> None:
        """With the left button, at a cell of a widget."""
        self.draw()
        await self.pilot.click(widget, offset=(x, y))
        await self.settle()

    async def click_on(self, pane: str, text: str) -> None:
        """On the first place where a pane shows ``text``."""
        self.draw()
        view = self.pane(pane)
        for y in range(view.size.height):
            x = view.render_line(y).text.find(text)
            if x >= 0:
                await self.click(view, x, y)
                return
        raise AssertionError(f"{text!r} is not on the screen in {pane}:\n{self.shown(pane)}")

    async def resize(self, width: int, height: int) -> None:
        """The terminal has another size."""
        await self.pilot.resize_terminal(width, height)
        await self.settle()

    # ---- what there is

    @property
    def moment(self) -> Moment:
        """The guest as it stands."""
        moment = self.app.moment
        assert moment is not None
        return moment

    @property
    def position(self) -> Position:
        """Where the guest stands."""
        return self.moment.position

    def pane(self, name: str) -> Pane:
        """A pane by its name."""
        return self.app.panes[name]

    @property
    def used(self) -> str:
        """The name of the pane in use."""
        return self.app.pane.NAME

    def seen(self) -> list[str]:
        """The names of the panes that are on the screen."""
        self.draw()
        panes = self.app.panes.values()
        return [pane.NAME for pane in panes if pane.region.area > 0 and pane.is_on_screen]

    def is_seen(self, pane: str) -> bool:
        """Whether a pane is on the screen."""
        return pane in self.seen()

    def size_of(self, pane: str) -> Size:
        """How large a pane is on the screen."""
        self.draw()
        return self.pane(pane).size

    def put_cursor(self, pane: str, text: str) -> None:
        """The cursor on the first row of a pane that has ``text`` in it."""
        view = self.pane(pane)
        row = next((n for n, line in enumerate(self.rows(pane)) if text in line), None)
        assert row is not None, f"{text!r} is not in {pane}: {self.rows(pane)}"
        view.move_cursor(row)

    def row(self, pane: str) -> str:
        """The row under the cursor."""
        view = self.pane(pane)
        return plain(view.rows.line(view.cursor)) if len(view.rows) else ""

    def row_with(self, pane: str, text: str) -> str:
        """The first row of a pane that has ``text`` in it."""
        rows = self.rows(pane)
        found = [line for line in rows if text in line]
        assert found, f"{text!r} is not in {pane}: {rows}"
        return found[0]

    def rows(self, pane: str) -> list[str]:
        """All rows of a pane, seen or not; each is checked to be visible text."""
        return texts(self.pane(pane).rows)

    def text(self, pane: str) -> str:
        """All rows of a pane as one text."""
        return "\n".join(self.rows(pane))

    def shown(self, pane: str) -> str:
        """What is seen of a pane."""
        self.draw()
        view = self.pane(pane)
        return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height))

    @property
    def status(self) -> str:
        """The status line."""
        return plain(self.app.screen_stack[0].query_one("#status", LineView).line)

    @property
    def header(self) -> str:
        """The line of the recording's title."""
        return plain(self.app.screen_stack[0].query_one("#header", LineView).line)

    @property
    def scrubber(self) -> ScrubberView:
        """The bar over the run."""
        return self.app.screen_stack[0].query_one(ScrubberView)

    @property
    def prompt(self) -> Prompt:
        """The command line."""
        return self.app.screen_stack[0].query_one(Prompt)

    @property
    def typed(self) -> str:
        """What is on the command line; empty where there is none."""
        return self.prompt._input.value if self.prompt.display else ""

    @property
    def said(self) -> list[str]:
        """The notices that are on the screen, the oldest first."""
        return [notice.message for notice in self.app._notifications]

    @property
    def output(self) -> list[str]:
        """The lines of the output pane."""
        return self.rows("output")

    def screen(self) -> list[str]:
        """The rows of the uppermost screen, whole."""
        self.draw()
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def lists(self) -> list[RowsView]:
        """Every list of the uppermost screen."""
        return list(self.app.screen.query(RowsView))


def texts(rows: Rows) -> list[str]:
    """Rows as plain text, each checked to be visible."""
    lines = [rows.line(index) for index in range(min(len(rows), _ROWS_MAX))]
    assert all(span.text.isprintable() for line in lines for span in line)
    return [plain(line).rstrip() for line in lines]


Script = Callable[[Session], Awaitable[None]]

VERBS_WITH_TESTS: set[str] = set()
"""All that ``covers`` was told of, by the modules that have been imported."""

_pressed: set[str] = set()
_typed: set[str] = set()


def covers(*commands: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """For a test that does each of some verbs both ways there are: by its key and as a command."""
    VERBS_WITH_TESTS.update(commands)

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(test)
        def checked(*args: P.args, **kwargs: P.kwargs) -> None:
            _pressed.clear()
            _typed.clear()
            test(*args, **kwargs)
            keyed = {verb.command for verb in all_verbs() if verb.keys}
            assert set(commands) <= _typed, f"not typed: {set(commands) - _typed}"
            assert set(commands) & keyed <= _pressed, f"not pressed: {set(commands) - _pressed}"

        return checked

    return decorate


def _note_verbs(app: ReplayApp) -> None:
    press, type_ = app.action_verb, app._command

    async def action_verb(command: str) -> None:
        _pressed.add(command)
        await press(command)

    async def command(word: str, argument: str) -> None:
        with contextlib.suppress(UnknownCommand):
            _typed.add(find_verb(word.partition("/")[0]).command)
        await type_(word, argument)

    app.action_verb = action_verb  # type: ignore[method-assign]
    app._command = command  # type: ignore[method-assign]


def drive(
    path: Path,
    script: Script,
    *,
    size: tuple[int, int] = NARROW,
    survey: bool = True,
    changes: Changes | None = None,
    sources: tuple[Path, ...] = (),
    drawn: bool = False,
) -> ReplayApp:
    """Open a recording, run ``script``, and leave; the application that there was. The screen is
    ``drawn`` all the time, or when it is looked at."""

    async def session() -> ReplayApp:
        with open_trace(path) as trace:
            app = make_app(trace, survey=survey, changes=changes, sources=sources)
            async with running(app, size) as session:
                await session.settle()
                if not drawn:
                    session.stop_drawing()
                await script(session)
            return app

    return asyncio.run(session())


def make_app(
    trace: Trace,
    *,
    survey: bool = True,
    changes: Changes | None = None,
    sources: tuple[Path, ...] = (),
) -> ReplayApp:
    """The application for a trace, whose survey is over before it begins, or never begins."""
    recording = Recording(trace, changes=changes)
    if survey:
        done = surveyed(Path(trace.path))
        recording.given = done.log
        recording._survey = done  # type: ignore[assignment]
    recording.begin(survey=False)
    beside = (Path(trace.path).parent, guest_tree(), *sources)

    def open_explorer(progress: Callable[[Position], object]) -> Explorer:
        timeline = Timeline(trace, changes=changes or Changes(), progress=progress)
        return Explorer(timeline, SourceFiles((), beside))

    return ReplayApp(recording, open_explorer)


@contextlib.asynccontextmanager
async def running(app: ReplayApp, size: tuple[int, int]) -> AsyncIterator[Session]:
    """While inside, the application runs."""
    with pytest.MonkeyPatch.context() as patch, at_once():
        app.animation_level = "none"
        app.NOTIFICATION_TIMEOUT = _FOR_EVER_S
        patch.setattr(app, "_refresh_notifications", lambda: None)  # they would pile up
        _note_verbs(app)
        async with app.run_test(size=size) as pilot:
            yield Session(app, pilot)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """While inside, no key waits for the processor to be idle."""

    async def wait_for_idle(*_: float) -> None:
        await asyncio.sleep(0)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("textual.app", "textual.pilot"):
            patch.setattr(f"{module}.wait_for_idle", wait_for_idle)
        yield
