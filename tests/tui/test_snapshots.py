"""Pictures of the screen, compared with those that somebody has looked at.

They are the same on every machine: the recordings are kept (``make_pictured.py``) and replayed on
the engine that is everywhere, no path and no time of the host is in sight, and the version of
Textual is pinned. After a wanted change: ``pytest tests/tui/test_snapshots.py --snapshot-update``,
and look at the pictures in ``__snapshots__``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.driver import Session, at_once, make_app, share_survey
from traces.reader import open_trace

PICTURED = Path(__file__).parent / "pictured"
SMALL, LARGE = (80, 24), (160, 50)

TICKING: Sequence[str] = (
    ":break tick if u64[&box] == 5",
    ":watch u64[&box]",
    ":display/x $rip",
    ":seek 13",
    ":bookmark half_way",
    ":note look here first",
    ":continue",
    ":continue",
    "2",
)
PICTURES: dict[str, tuple[tuple[int, int], Sequence[str]]] = {
    "start-small": (SMALL, ()),
    "start-large": (LARGE, ()),
    "breakpoint-small": (SMALL, TICKING),
    "breakpoint-large": (LARGE, TICKING),
    "mixed-code": (LARGE, (*TICKING, "v", ":focus watches")),
    "light": (LARGE, (*TICKING, ":theme textual-light")),
    "memory-and-why": (LARGE, (":end", ":why u64[&box + 768]", ":x &box + 768")),
    "why-small": (SMALL, (":end", ":why u64[&box + 768]")),
    "blocks": (LARGE, (":end", "8", "home")),
    "filter": (SMALL, (":filter call:block", "z")),
    "trouble": (SMALL, (":until write:secret",)),
    "command": (SMALL, ("colon", *"print sec")),
    "help": (SMALL, ("f1",)),
    "symbols": (SMALL, (":symbol solo5",)),
}


def run_steps(steps: Sequence[str], folder: Path) -> Any:
    """What ``snap_compare`` is to do before the picture: commands begin with a colon."""

    async def before(pilot: Pilot[int]) -> None:
        s = Session(pilot.app, pilot)  # type: ignore[arg-type]
        s.app.NOTIFICATION_TIMEOUT = 0.0  # notices come and go
        await s.settle()
        s.stop_drawing()
        for step in steps:
            if step.startswith(":"):
                await s.command(step[1:])
            else:
                await s.press("space" if step == " " else step)
        s.app.clear_notifications()
        s.go_on_drawing()
        await s.settle()
        assert str(folder) not in "".join(s.screen())

    return before


class Photographer:
    """Compares what a recording looks like after some steps with how it looked."""

    def __init__(self, snap_compare: Any, folder: Path) -> None:
        self._compare = snap_compare
        self._folder = folder

    def same(self, name: str, size: tuple[int, int], steps: Sequence[str]) -> bool:
        """Whether it looks as it did."""
        path = self._folder / f"{name}.mp"  # something may be written beside it
        path.write_bytes((PICTURED / path.name).read_bytes())
        share_survey(PICTURED / path.name, path)
        before = run_steps(steps, self._folder)
        with open_trace(path) as trace, at_once():
            app = make_app(trace, sources=(PICTURED,))
            app.animation_level = "none"
            same: bool = self._compare(app, terminal_size=size, run_before=before)
        return same


@pytest.fixture
def photographer(
    snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Photographer:
    """For recordings in a folder of their own."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Photographer(snap_compare, tmp_path)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(photographer: Photographer, name: str) -> None:
    size, steps = PICTURES[name]
    assert photographer.same("everything", size, steps)


def test_without_colour(photographer: Photographer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert photographer.same("everything", LARGE, TICKING)


def test_frames(photographer: Photographer) -> None:
    assert photographer.same("net", LARGE, (":end", "7", "up", "up"))


def test_a_failure(photographer: Photographer) -> None:
    steps = (":end", ":back-to console:assertion", ":frame 1", "2")
    assert photographer.same("flaky", LARGE, steps)
