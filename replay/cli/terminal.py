"""Standard output as programs use it: whether it takes colour, and what to do when it is gone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass

_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Palette:
    """Escape sequences by meaning; all of them empty where colour is not wanted."""

    name: str = ""
    number: str = ""
    bad: str = ""

    def paint(self, colour: str, text: str) -> str:
        """``text`` in one of this palette's colours."""
        return f"{colour}{text}{_RESET}" if colour else text


PLAIN = Palette()
COLOURED = Palette(name="\x1b[36m", number="\x1b[2m", bad="\x1b[31m")


def palette() -> Palette:
    """Colour on a terminal only, and not where NO_COLOR (no-color.org) or TERM speak against it."""
    refused = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return COLOURED if sys.stdout.isatty() and not refused else PLAIN


def accept_any_text() -> None:
    """Let standard output show what its encoding lacks as escapes instead of raising."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def abandon_stdout() -> None:
    """After a BrokenPipeError: nobody reads any more, so that the interpreter's own last flush must
    not complain either."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
