"""The question what becomes of a guest that is still being recorded."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from replay.tui.screens.leaving import Leaving, LeavingScreen
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
