"""The story of docs/tui.md: what it types is typed, and what it shows is on the screen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gdb.recordings import Recordings
from tests.tui.driver import Session, drive

DOCUMENT = Path(__file__).parents[2] / "docs" / "tui.md"
_BLOCK = re.compile(r"^```tui-session\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"0x[0-9a-f]+|^00[0-9a-f]{6}(?=[\[ ])", re.MULTILINE)
_SIZE = (160, 48)
_TYPED = "▸ "
_KEYS = {"Enter": "enter", "Down": "down", ":": "colon", "/": "slash", ".": "full_stop", ">": ">"}


@dataclass
class Step:
    """Keys and texts that are typed, and what every pane shows then."""

    typed: list[str]
    shown: list[tuple[str, str]] = field(default_factory=list)

    async def do(self, session: Session) -> None:
        for word in self.typed:
            if word.startswith('"'):
                await session.type(shlex.split(word)[0])
            else:
                await session.press(_KEYS.get(word, word))
        await session.pilot.pause()  # a pane that was never seen has its size only now
        await session.settle()

    def check(self, session: Session) -> None:
        for pane, text in self.shown:
            found = session.status if pane == "status" else session.shown(pane)
            assert _alike(text) in _alike(found), f"after {self.typed} in {pane}:\n{found}"
            assert pane == "status" or session.is_seen(pane), f"after {self.typed}: {pane}"


def story() -> Iterator[Step]:
    """The document's steps."""
    step: Step | None = None
    for line in "".join(_BLOCK.findall(DOCUMENT.read_text("utf-8"))).splitlines():
        if line.startswith(_TYPED):
            if step is not None:
                yield step
            step = Step(re.findall(r'"[^"]*"|\S+', line.removeprefix(_TYPED)))
        else:
            assert step is not None
            pane, _, text = line.partition(" ")
            step.shown.append((pane, text.strip()))
    assert step is not None
    yield step


def culprit() -> list[Step]:
    """The steps until the culprit's line is found for the first time."""
    steps = list(story())
    found = next(n for n, step in enumerate(steps) if any(pane == "code" for pane, _ in step.shown))
    return steps[: found + 1]


def _alike(text: str) -> str:
    """Text as any compiler's guest would show it, with no mind to gaps."""
    return re.sub(r"\s+", " ", _ADDRESS.sub("0x…", text))


@pytest.mark.slow
def test_the_story_is_true(recordings: Recordings) -> None:
    steps = list(story())
    assert len(steps) > 8

    async def script(session: Session) -> None:
        for step in steps:
            await step.do(session)
            step.check(session)

    drive(recordings.trace("flaky", "corrupt"), script, size=_SIZE)
