"""The question what becomes of a guest that is still being recorded."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from replay.tui.screens.leaving import Leaving, LeavingScreen, leave_or_ask
from tests.unit.replay.tui.widgets.showing import Showing, show


@pytest.mark.parametrize(
    ("key", "chosen"),
    [
        ("s", Leaving.STOP),
        ("l", Leaving.KEEP),
        ("escape", Leaving.STAY),
        ("q", Leaving.STAY),
        ("ctrl+c", Leaving.STAY),
    ],
)
def test_every_answer_has_its_key(key: str, chosen: Leaving) -> None:
    answers: list[Leaving | None] = []
    app = Showing()

    async def script(pilot: Pilot[None]) -> None:
        app.push_screen(LeavingScreen(), answers.append)
        await pilot.pause()
        await pilot.press(key)

    show(app, script)
    assert answers == [chosen]


@pytest.mark.parametrize("size", [(80, 24), (30, 8)])
def test_it_is_read_on_small_screens(size: tuple[int, int]) -> None:
    app = Showing()
    screen = LeavingScreen()

    async def script(pilot: Pilot[None]) -> None:
        app.push_screen(screen)
        await pilot.pause()
        text = "\n".join(strip.text for strip in screen._compositor.render_strips())
        assert "stop the guest" in text
        assert "Esc" in text

    show(app, script, size)


class Process:
    """A recorder."""

    def __init__(self, status: int | None = None) -> None:
        self.status = status
        self.is_free = False

    def said(self) -> str:
        return ""

    def stop(self) -> None:
        raise AssertionError("whoever has started it ends it")

    def release(self) -> None:
        self.is_free = True


@pytest.mark.parametrize("recorder", [None, Process(0)])
def test_where_nothing_is_recorded_one_just_leaves(recorder: Process | None) -> None:
    app = Showing()

    async def script(_: Pilot[None]) -> None:
        leave_or_ask(app, recorder)  # type: ignore[arg-type]
        assert app._exit

    show(app, script)


@pytest.mark.parametrize(("key", "leaves", "free"), [("s", 1, 0), ("l", 1, 1), ("escape", 0, 0)])
def test_what_becomes_of_the_recorder(key: str, leaves: bool, free: bool) -> None:
    app, recorder = Showing(), Process()

    async def script(pilot: Pilot[None]) -> None:
        leave_or_ask(app, recorder)  # type: ignore[arg-type]
        await pilot.pause()
        assert not app._exit
        await pilot.press(key)
        assert (app._exit, recorder.is_free) == (leaves, free)

    show(app, script)
