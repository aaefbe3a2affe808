"""The program of a page that is served; the server is tested in tests/unit/replay/tui."""

from __future__ import annotations

import argparse
import importlib.util
import socket
from pathlib import Path

import pytest

from replay.cli.replay import main
from replay.cli.replay_options import check_sense, make_parser
from replay.cli.web import served_command

HELLO = Path(__file__).parents[4] / "traces" / "corpus" / "hello-1.0.mp"
NASTY = "-$(touch pwned);`touch pwned`'\" \n&.mp"


def given(*words: str) -> argparse.Namespace:
    parser = make_parser()
    found = parser.parse_intermixed_args(words)
    check_sense(parser, found)
    return found


def served(*words: str) -> argparse.Namespace:
    """What the program of a page understands."""
    return given(*served_command(given(*words))[3:])


def test_a_page_is_asked_for_what_was_asked_for() -> None:
    found = served("--web", "0", "-e", "--source", "/", "--source=/tmp", "a.mp")
    assert (found.tui, found.web, found.end) == (True, None, True)
    assert found.trace == str(Path("a.mp").absolute())
    assert found.source == [Path("/"), Path("/tmp")]
    found = served("a.mp", "-g", "3+4", "--keep-checkpoints", "--guest=g", "--args=-x y", "--web")
    assert str(found.goto) == "3+4"
    assert not found.follow
    assert served("a.mp", "--web", "--follow").follow
    assert (found.keep_checkpoints, found.guest, found.args) == (True, "g", "-x y")


def test_no_name_of_a_trace_is_an_option() -> None:
    words = served_command(given(f"./{NASTY}", "--web"))
    assert given(*words[3:]).trace == words[-1] == str(Path(NASTY).absolute())


def test_without_the_package_there_is_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main([str(HELLO), "--web"]) == 125
    assert "pip install 'solo5-replay[web]'" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([str(HELLO), "--web", str(port)]) == 2
    assert f"cannot listen at port {port}: " in capsys.readouterr().err
