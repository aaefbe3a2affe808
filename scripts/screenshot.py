"""Run the demonstration in a terminal of its own and draw what it showed: docs/images/demo.svg."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "docs" / "images" / "demo.svg"
COLUMNS = 118
LINES_MAX = 64


def run_in_terminal(command: list[str]) -> str:
    """Everything that ``command`` writes to a terminal; raises SystemExit with its status."""
    shown = bytearray()

    def read(fd: int) -> bytes:
        data = os.read(fd, 4096)
        shown.extend(data)
        return data

    os.environ["COLUMNS"] = str(COLUMNS)
    status = os.waitstatus_to_exitcode(pty.spawn(command, read))
    if status:
        sys.exit(status)
    return shown.decode("utf-8", "replace").replace("\r\n", "\n")


def draw(text: str) -> None:
    """The last lines of ``text`` as an SVG picture of a terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for line in text.splitlines()[-LINES_MAX:]:
        console.print(Text.from_ansi(line), crop=True, no_wrap=True, overflow="crop")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="make demo", unique_id="demo")
    OUTPUT.write_text(re.sub(r"(?m)[ \t]+$", "", svg))


if __name__ == "__main__":
    draw(run_in_terminal([str(ROOT / "scripts" / "demo.sh")]))
