"""``solo5-record --tui`` without its screen, which tests/tui has."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from replay.cli import live_tui
from replay.cli.live_tui import end, first_sight, record_and_browse, recorder_words
from replay.cli.record import main
from replay.cli.record_options import parse_command_line

ROOT = Path(__file__).parents[4]
HELLO = ROOT / "traces" / "corpus" / "hello-1.0.mp"


class Process:
    """A recorder that ends when it has been asked ``stubbornness`` times more than once."""

    def __init__(self, status: int | None = None, *, stubbornness: int = 0) -> None:
        self.status = status
        self.pid = 77
        self.is_free = False
        self.asked: list[str] = []
        self.closed = False
        self._left = stubbornness

    def _end(self, how: str, status: int) -> None:
        self.asked.append(how)
        if not self._left:
            self.status = status
        self._left -= 1

    def stop(self) -> None:
        self._end("stop", 1)

    def kill(self) -> None:
        self._end("kill", 137)

    def wait(self, timeout_s: float | None = None) -> bool:
        return self.status is not None

    def all_said(self) -> str:
        return "solo5-record: so it is\n"

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--tui", "a.hvt"], ["--output=a.mp", "a.hvt"]),
        (
            ["--mem=4", "--tui", "--net:x=@3", "--", "a.hvt", "--tui"],
            ["--output=a.mp", "--mem=4", "--net:x=@3", "--", "a.hvt", "--tui"],
        ),
        (["-o", "b.mp", "--tui", "a.hvt"], ["--output=a.mp", "-o", "b.mp", "a.hvt"]),
    ],
)
def test_the_recorder_gets_all_other_words(words: list[str], expected: list[str]) -> None:
    assert recorder_words(words, parse_command_line(words), Path("a.mp")) == expected
    options = parse_command_line(expected)
    assert (options.tui, options.guest) == (False, "a.hvt")


def test_a_trace_is_seen_when_all_is_there_that_a_replay_begins_with(tmp_path: Path) -> None:
    path, data = tmp_path / "a.mp", HELLO.read_bytes()
    sizes = iter((0, 10, 2000, 9000, len(data)))

    def wait() -> bool:
        path.write_bytes(data[: next(sizes)])
        return False

    trace = first_sight(path, wait)
    assert trace is not None
    with trace:
        assert trace.guest()
    assert next(sizes, None) is None


def test_of_a_recorder_that_has_ended_there_is_what_there_is(tmp_path: Path) -> None:
    assert first_sight(tmp_path / "none.mp", lambda: True) is None
    trace = first_sight(HELLO, lambda: True)
    assert trace is not None
    trace.close()


def test_the_status_is_the_recorders(capsys: pytest.CaptureFixture[str]) -> None:
    process = Process(7)
    assert end(process, Path("a.mp"), 0) == 7  # type: ignore[arg-type]
    assert (process.asked, process.closed) == ([], True)
    assert capsys.readouterr().err == "solo5-record: so it is\n"


@pytest.mark.parametrize(
    ("stubbornness", "status", "asked"),
    [(0, 1, ["stop"]), (1, 1, ["stop"] * 2), (2, 137, ["stop", "stop", "kill"])],
)
def test_a_recorder_is_ended_by_force_at_last(
    stubbornness: int, status: int, asked: list[str]
) -> None:
    process = Process(stubbornness=stubbornness)
    assert end(process, Path("a.mp"), 0) == status  # type: ignore[arg-type]
    assert process.asked == asked


def test_a_recorder_that_was_released_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    process = Process()
    process.is_free = True
    assert end(process, Path("a.mp")) == 0  # type: ignore[arg-type]
    assert (process.asked, process.closed) == ([], True)
    said = capsys.readouterr().err
    assert "still recording into a.mp, as process 77" in said
    assert "--tui --follow" in said


def test_without_a_terminal_nothing_is_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    assert main(["--tui", "none.hvt"]) == 1
    assert "--tui wants a terminal" in capsys.readouterr().err


def test_not_with_gdb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tui", "--gdb", str(HELLO)]) == 1
    assert capsys.readouterr().err


def test_what_exists_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp"
    path.write_bytes(HELLO.read_bytes())
    process = Process(125)
    monkeypatch.setattr("replay.cli.tui.why_no_screen", lambda: "")
    monkeypatch.setattr(live_tui, "RecorderProcess", lambda words: process)
    monkeypatch.setattr(live_tui, "_browse", lambda *_: pytest.fail("it was shown"))
    words = ["--tui", "-o", str(path), "a.hvt"]
    assert record_and_browse(words, parse_command_line(words)) == 125
    assert process.closed


def test_the_first_free_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mp").write_bytes(b"")
    given: list[str] = []

    def start(words: list[str]) -> Process:
        given.extend(words)
        return Process(1)

    monkeypatch.setattr("replay.cli.tui.why_no_screen", lambda: "")
    monkeypatch.setattr(live_tui, "RecorderProcess", start)
    words = ["--tui", "a.hvt"]
    assert record_and_browse(words, parse_command_line(words)) == 1
    assert given == ["--output=a.2.mp", "a.hvt"]


def test_ctrl_c_before_there_is_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    process = Process()

    def interrupted(timeout_s: float | None = None) -> bool:
        if process.status is None:
            raise KeyboardInterrupt
        return True

    process.wait = interrupted  # type: ignore[method-assign]
    monkeypatch.setattr("replay.cli.tui.why_no_screen", lambda: "")
    monkeypatch.setattr(live_tui, "RecorderProcess", lambda words: process)
    words = ["--tui", "a.hvt"]
    assert record_and_browse(words, parse_command_line(words)) == 1
    assert process.asked == ["stop"]
