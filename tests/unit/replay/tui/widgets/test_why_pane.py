"""The pane of the last answer to ``why``."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.player.origins import find_origin
from replay.player.whereabouts import InMemory
from replay.tui.explorer import Explorer
from replay.tui.widgets.why_pane import WhyPane
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, show


def test_an_answer_is_shown_from_its_beginning(explorer: Explorer, everything: Journey) -> None:
    explorer.to_end()
    what = InMemory(everything.box + 768, 1)
    origin = find_origin(explorer.timeline, explorer.symbols, what)
    pane = WhyPane()

    async def script(_: Pilot[None]) -> None:
        assert "press y" in texts(pane.rows)[0]
        pane.move_cursor(1)
        pane.show_origin(origin, "box.frame[0]")
        assert texts(pane.rows)[0].startswith("box.frame[0] = ")
        assert (pane.cursor, pane.subtitle) == (0, "box.frame[0]")

    show(Showing(pane), script)
