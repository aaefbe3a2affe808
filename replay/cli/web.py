"""The terminal interface in a browser: ``solo5-replay --web``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from replay.cli.exit_codes import ReplayStatus
from replay.cli.messages import say

_PROGRAM = "solo5-replay"
_PACKAGE = "textual_serve"
_START = "import sys; from replay.cli.replay import main; sys.exit(main())"


def serve(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C; the exit status. Each page that is opened has a program of its own, with
    the same command line. Port 0 is any free one."""
    if importlib.util.find_spec(_PACKAGE) is None:
        say(_PROGRAM, "--web wants the package textual-serve: pip install 'solo5-replay[web]'")
        return ReplayStatus.CANNOT_REPLAY
    from replay.tui.web import CannotServe, WebServer

    title = f"{_PROGRAM} {Path(given.trace).name}"
    try:
        server = WebServer(served_command(given), given.web, title)
    except CannotServe as error:
        say(_PROGRAM, str(error))
        return ReplayStatus.USAGE
    say(_PROGRAM, f"open {server.address}")
    say(_PROGRAM, "(for whoever has this address, in browsers of this machine; Ctrl-C ends it)")
    server.serve()
    return ReplayStatus.FAITHFUL


def served_command(given: argparse.Namespace) -> list[str]:
    """The program of one page, with what was asked for."""
    words = ["--tui", f"--checkpoint-memory={given.checkpoint_memory}"]
    words += [f"--source={folder}" for folder in given.source]
    if given.end:
        words.append("--end")
    if given.follow:
        words.append("--follow")
    if given.goto is not None:
        words.append(f"--goto={given.goto}")
    if given.keep_checkpoints:
        words.append("--keep-checkpoints")
    if given.guest is not None:
        words.append(f"--guest={given.guest}")
    if given.args is not None:
        words.append(f"--args={given.args}")
    # A whole path is taken for no option, whatever its name is.
    return [sys.executable, "-c", _START, *words, str(Path(given.trace).absolute())]
