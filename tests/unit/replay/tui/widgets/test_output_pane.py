"""The pane of commands and answers."""

from __future__ import annotations

from textual.pilot import Pilot

from replay.tui.widgets import output_pane
from replay.tui.widgets.output_pane import OutputPane
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.widgets.showing import Showing, show, shown


def test_the_end_is_in_sight_and_nothing_is_control() -> None:
    pane = OutputPane()

    async def script(_: Pilot[None]) -> None:
        pane.add("one\n\ttwo \x1b]0;x\x07 [b]three[/b]")
        pane.add("\n".join(str(number) for number in range(50)))
        assert shown(pane)[-1] == "49" or "49" in shown(pane)
        first, second = texts(pane.rows)[:2]
        assert first == "one"
        assert second.startswith("        two ")
        assert second.endswith("[b]three[/b]")
        assert pane.cursor == 51

    show(Showing(pane), script)


def test_the_oldest_is_forgotten() -> None:
    pane = OutputPane()

    async def script(_: Pilot[None]) -> None:
        pane.add("\n" * output_pane._LINES_MAX)
        pane.add("last")
        assert len(pane.rows) == output_pane._LINES_MAX
        assert texts(pane.rows)[-1] == "last"

    show(Showing(pane), script)
