from __future__ import annotations

import sys

import pytest

from replay.cli.check_bar import Bar
from tests.unit.replay.cli.test_progress import Screen


def test_a_terminal_sees_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with Bar(3) as bar:
        bar.advance(good=True)
        bar.advance(good=False)
    assert "checking" in screen.getvalue()
    assert "2/3" in screen.getvalue()
    assert "1 to look at" in screen.getvalue()


def test_nothing_is_shown_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(3) as bar:
        bar.advance(good=False)
    assert capsys.readouterr() == ("", "")


def test_lines_for_a_file_stay_out_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    with Bar(1):
        print("a line")
    assert capsys.readouterr().out == "a line\n"
    assert "a line" not in screen.getvalue()
