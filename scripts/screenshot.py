"""Draw the pictures of docs/images: what the demonstration shows in a terminal of its own, and the
terminal interface at the culprit's line of the story in docs/tui.md.
"""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from replay.tui.app import ReplayApp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
IMAGES = ROOT / "docs" / "images"
OUTPUT = IMAGES / "demo.svg"
_LOOKS_SAME, _BETWEEN_LOOKS_S = 5, 0.2
SCREENS = {"tui.svg": (160, 48), "tui-80x24.svg": (80, 24)}
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


async def settled(app: ReplayApp) -> str:
    """The screen once nothing on it has changed for a while."""
    same, picture = 0, ""
    while same < _LOOKS_SAME:
        await asyncio.sleep(_BETWEEN_LOOKS_S)
        now = app.export_screenshot(title="solo5-replay failure.mp --tui")
        same, picture = (same + 1 if now == picture else 0), now
    return picture


def draw_screens() -> None:
    """The terminal interface where the story has found the culprit."""
    from tests.gdb.recordings import Recordings
    from tests.tui.driver import Session, drive
    from tests.tui.test_document import culprit

    async def script(session: Session) -> None:
        for step in culprit():
            await step.do(session)
        session.app.clear_notifications()
        pictures.append(await settled(session.app))

    pictures = list[str]()
    with tempfile.TemporaryDirectory() as folder:
        made = Recordings(Path(folder)).trace("flaky", "corrupt")
        trace = made.rename(made.with_name("failure.mp"))
        for name, size in SCREENS.items():
            drive(trace, script, size=size, drawn=True)
            picture = re.sub(r"terminal-\d+", name.partition(".")[0], pictures[-1])
            (IMAGES / name).write_text(re.sub(r"(?m)[ \t]+$", "", picture))


if __name__ == "__main__":
    draw_screens()
    draw(run_in_terminal([str(ROOT / "scripts" / "demo.sh")]))
