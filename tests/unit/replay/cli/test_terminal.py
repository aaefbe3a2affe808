from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from replay.cli.terminal import COLOURED, PLAIN, Palette, accept_any_text, palette


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return monkeypatch


def palette_on(terminal: pytest.MonkeyPatch, output: io.StringIO) -> Palette:
    terminal.setattr(sys, "stdout", output)
    return palette()


def test_colour_on_a_terminal(terminal: pytest.MonkeyPatch) -> None:
    assert palette_on(terminal, Screen()) is COLOURED


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_it_is_not_wanted(
    terminal: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal.setenv(name, value)
    assert palette_on(terminal, Screen()) is PLAIN


def test_an_empty_no_color_means_nothing(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("NO_COLOR", "")
    assert palette_on(terminal, Screen()) is COLOURED


def test_no_colour_into_a_pipe(terminal: pytest.MonkeyPatch) -> None:
    assert palette_on(terminal, io.StringIO()) is PLAIN


def test_painting() -> None:
    assert PLAIN.paint(PLAIN.name, "text") == "text"
    assert COLOURED.paint(COLOURED.name, "text") == "\x1b[36mtext\x1b[0m"


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    accept_any_text()
    sys.stdout.write("é\udcff")
    sys.stdout.flush()
    assert raw.getvalue() == rb"\xe9\udcff"


def test_other_kinds_of_output_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    accept_any_text()


def test_an_abandoned_stdout_is_not_complained_about() -> None:
    code = (
        "import sys\n"
        "from replay.cli.terminal import abandon_stdout\n"
        "try:\n"
        "    for _ in range(100000): print('x' * 100)\n"
        "except BrokenPipeError:\n"
        "    abandon_stdout()\n"
        "    sys.exit(9)\n"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (9, b"")
