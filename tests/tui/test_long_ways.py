"""Long journeys and searches: they show how far they are, and can be ended."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Self

import pytest

from replay.machine.position import Position
from replay.player.timeline import Timeline
from replay.testing.cases import GuestShelf
from replay.tui.model.event_filter import EventSearch
from replay.tui.model.memory_search import MemorySearch
from replay.tui.screens.help import HelpScreen
from tests.tui.driver import Session, drive
from tests.tui.guests import compute
from tests.unit.replay.player.travelled import Journey


@pytest.fixture(scope="module")
def long_way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest that computes for more than a second."""
    folder = tmp_path_factory.mktemp("compute")
    return compute(folder, GuestShelf(folder), 3)


class Gate:
    """Holds whoever calls a method, until it is opened, or left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()
        inner = getattr(owner, name)

        def held(*args: object) -> object:
            self._reached.set()
            self._opened.wait()
            return inner(*args)

        monkeypatch.setattr(owner, name, held)

    async def reached(self) -> None:
        """Until somebody stands before it."""
        await asyncio.to_thread(self._reached.wait)

    def open(self) -> None:
        """Let everybody through."""
        self._opened.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()


def pass_time(s: Session, ticks: int = 3) -> None:
    """As the clock of the application does."""
    for _ in range(ticks):
        s.app._tick()


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
def test_a_journey_shows_itself_and_ends_when_it_is_to(
    long_way: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async def script(s: Session) -> None:
        with Gate(monkeypatch, Timeline, "run") as gate:
            await s.begin("c")
            await gate.reached()
            pass_time(s)
            assert "continue" in s.status
            assert "Esc cancels" in s.status
            await s.begin("n")
            await s.until(lambda: s.said == ["continue is under way; Esc cancels it"])
            await s.begin("1", "down", "3")  # the screen is alive
            await s.until(lambda: s.used == "registers")
            await s.begin("f1")
            await s.until(lambda: isinstance(s.app.screen, HelpScreen))
            await s.begin("escape")
            await s.until(lambda: not isinstance(s.app.screen, HelpScreen))
            assert not s.app.is_cancelling()
            await s.begin(key)
            await s.until(s.app.is_cancelling)
        await s.settle()
        assert s.status.endswith("interrupted")
        assert Position(0) <= s.position < s.moment.end
        await s.command("print 6 * 7")
        assert s.said[-1].startswith("6 * 7 = 42")

    drive(long_way, script)


def test_progress_is_shown(everything: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(s: Session) -> None:
        with Gate(monkeypatch, Timeline, "run") as gate:
            await s.begin("c")
            await gate.reached()
            pass_time(s)
            assert "%" not in s.status
            s.app.navigator._progress(Position(14, 5))  # as the replay tells it
            pass_time(s)
            assert "continue ████████░░░░░░░░  48 %" in s.status
        await s.settle()
        assert s.position == s.moment.end
        with Gate(monkeypatch, Timeline, "run") as gate:
            await s.begin("C")
            await gate.reached()
            s.app.navigator._progress(Position(27))
            pass_time(s)
            assert "reverse-continue █░" in s.status

    drive(everything.path, script)


@pytest.mark.parametrize(
    ("pane", "search", "key"),
    [("6", MemorySearch, "escape"), ("1", EventSearch, "ctrl+c")],
    ids=["memory", "events"],
)
def test_a_search_can_be_ended(
    long_way: Path, monkeypatch: pytest.MonkeyPatch, pane: str, search: type, key: str
) -> None:
    async def script(s: Session) -> None:
        await s.press(pane)
        with Gate(monkeypatch, search, "advance") as gate:
            await s.begin_command("search nowhere to be found")
            await gate.reached()
            pass_time(s)
            assert "looking for nowhere to be found" in s.status
            await s.begin(key)
            await s.until(s.app.is_cancelling)
        await s.settle()
        assert s.said[-1] == "cancelled"

    drive(long_way, script)


def test_quitting_ends_what_is_under_way(long_way: Path) -> None:
    async def script(s: Session) -> None:
        await s.begin("c", "q")

    assert drive(long_way, script).return_code == 0
