"""How the terminal interface is asked for; in a real terminal it is tested in tests/tui."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from replay.cli import tui
from replay.cli.replay import main
from replay.machine.position import Position
from replay.tui.model.session_state import SessionState
from replay.tui.session_file import load_session, session_path
from tests.unit.replay.recordings import Recorder

ROOT = Path(__file__).parents[4]
HELLO = ROOT / "traces" / "corpus" / "hello-1.0.mp"


class Terminal(io.StringIO):
    """A standard stream that is one, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Session:
    """An application that is left at once, or by a signal to this process."""

    made: list[Session]

    def __init__(self, recording: Any, opener: Any, opening: Any, recorder: Any) -> None:
        self.recording = recording
        self.recorder = recorder
        self.opening = opening
        self.return_code: int | None = None
        self.left = asyncio.Event()
        self.made.append(self)

    async def run_async(self) -> None:
        self.recording.close()

    def exit(self, return_code: int) -> None:
        self.return_code = return_code
        self.left.set()

    def session(self) -> SessionState:
        return SessionState(Position(3))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """A terminal, and what is run on it."""
    monkeypatch.setattr(sys, "stdin", Terminal(True))
    monkeypatch.setattr(tui, "why_no_screen", lambda: "")
    monkeypatch.setattr("replay.tui.app.ReplayApp", Session)
    Session.made = []
    return Session.made


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """A recording in a folder of its own."""
    path = tmp_path / "hello.mp"
    path.write_bytes(HELLO.read_bytes())
    return path


def standing_in(monkeypatch: pytest.MonkeyPatch, *terminals: str) -> None:
    """Let some of the three streams be terminals, and the others not."""
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal(name in terminals))


@pytest.mark.parametrize("terminals", ["stdin stdout", "stdin stderr", "stdout stderr", ""])
def test_without_a_terminal(terminals: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, *terminals.split())
    assert main([str(HELLO), "--tui"]) == 2
    assert isinstance(sys.stderr, Terminal)
    assert "--tui wants a terminal, for input, output and errors" in sys.stderr.getvalue()


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, "stdin", "stdout", "stderr")
    monkeypatch.setenv("TERM", term)
    assert f"TERM is {term or 'not set'!r}" in tui.why_no_screen()
    monkeypatch.setenv("TERM", "xterm")
    assert tui.why_no_screen() == ""


def test_what_serves_to_a_browser_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(False))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
    assert tui.why_no_screen() == ""


def test_no_trace_no_screen(
    screen: list[Session], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.mp"), "--tui"]) == 4
    assert "none.mp" in capsys.readouterr().err
    assert not screen


def test_a_place_behind_the_end(
    screen: list[Session], hello: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(hello), "--tui", "-g", "10000"]) == 2
    assert "position 10000 is behind the end, 18" in capsys.readouterr().err
    assert not screen


def test_where_the_user_was_is_remembered(screen: list[Session], hello: Path) -> None:
    assert main([str(hello), "--tui"]) == 0
    assert load_session(session_path(hello)) == SessionState(Position(3))
    assert main([str(hello), "--tui"]) == 0
    assert [each.opening.kept.position for each in screen] == [Position(0), Position(3)]
    assert screen[1].opening.way is None


@pytest.mark.parametrize("words", [["-e"], ["-g", "1"]])
def test_a_place_that_is_asked_for_comes_first(
    words: list[str], screen: list[Session], hello: Path
) -> None:
    assert main([str(hello), "--tui", *words]) == 0
    assert screen[0].opening.way is not None


def test_a_file_that_is_not_ours_is_left_alone(screen: list[Session], hello: Path) -> None:
    session_path(hello).write_text("a diary")
    assert main([str(hello), "--tui"]) == 0
    assert session_path(hello).read_text() == "a diary"
    (remark,) = screen[0].opening.remarks
    assert "left alone" in remark


def test_a_session_that_cannot_be_kept_is_told_once(
    screen: list[Session],
    hello: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(path: Path, state: SessionState) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("replay.tui.session_keeper.save_session", refuse)
    assert main([str(hello), "--tui"]) == 0
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Permission denied; this session is not remembered" in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_the_session_is_kept(
    number: signal.Signals, hello: Path, screen: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_async(self: Session) -> None:
        self.recording.close()
        signal.raise_signal(number)
        await self.left.wait()
        assert load_session(session_path(hello)) == SessionState(Position(3))

    monkeypatch.setattr(Session, "run_async", run_async)
    assert main([str(hello), "--tui"]) == 130


def test_an_empty_no_color_says_nothing(
    screen: list[Session], hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert main([str(hello), "--tui"]) == 0
    assert "NO_COLOR" not in tui.os.environ


@pytest.mark.slow
def test_the_guest_is_opened_with_what_was_asked_for(recorder: Recorder, tmp_path: Path) -> None:
    from replay.player.session import Changes
    from traces.reader import open_trace

    with open_trace(recorder.record("hello").path) as trace:
        wanted = tui.Browsing(sources=(tmp_path,), keeps_checkpoints=True)
        explorer = tui._opener(trace, wanted, Changes())(lambda _: None)
        try:
            assert explorer.timeline.position == Position(0)
        finally:
            explorer.timeline.close()


def test_what_ends_a_program_without_a_terminal_does_not_outlive_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(tui, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(tui.os, "_exit", lambda _: ended.set())

    class Screen:
        def session(self) -> None:
            return None

        def exit(self, *, return_code: int) -> None:
            del return_code

        async def run_async(self) -> None:
            signal.raise_signal(signal.SIGHUP)

    class Keeper:
        def save(self, _: object) -> str:
            return ""

    asyncio.run(tui._run(Screen(), Keeper()))  # type: ignore[arg-type]
    assert not ended.wait(0.2)
