"""An arrangement on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.pilot import Pilot
from textual.widgets import Footer

from replay.tui.layout import Layout
from replay.tui.model.arrangement import BOTTOM, CENTRE, LEFT, PLACES, RIGHT, RIGHT_BELOW, Wishes
from replay.tui.panes import make_groups
from replay.tui.recording import Recording
from replay.tui.widgets.line_view import LineView
from replay.tui.widgets.scrubber_view import ScrubberView
from tests.unit.replay.tui.model.event_traces import PRINTED
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, drawn, show


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, [PRINTED]) as found:
        yield found


class Arranged(Showing):
    """Every place, put where a layout wants it."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self.groups = make_groups(recording)
        self.layout_of_panes = Layout(self.groups)
        self.panes = {pane.NAME: pane for group in self.groups.values() for pane in group.panes}

    def compose(self) -> ComposeResult:
        yield LineView(id="header")
        yield ScrubberView(self._recording)
        with Horizontal(id="upper"):
            yield self.groups[LEFT]
            yield self.groups[CENTRE]
            with Vertical(id="right-column"):
                yield self.groups[RIGHT]
                yield self.groups[RIGHT_BELOW]
        yield self.groups[BOTTOM]
        yield Footer()

    async def use(self, pilot: Pilot[None], pane: str, wishes: Wishes) -> set[str]:
        """The places that are seen with a pane in use."""
        self.layout_of_panes.wishes = wishes
        self.layout_of_panes.apply(self, self.panes[pane])
        await drawn(pilot)
        assert self.panes[pane].region.area
        return {place for place in PLACES if self.groups[place].region.area}


@pytest.mark.slow
def test_places_are_where_there_is_room_for_them(recording: Recording) -> None:
    app = Arranged(recording)

    async def script(pilot: Pilot[None]) -> None:
        assert await app.use(pilot, "code", Wishes()) == set(PLACES)
        code, stack = app.groups[CENTRE].size, app.groups[RIGHT_BELOW].size
        larger = Wishes().resized(CENTRE, 4).resized(RIGHT_BELOW, -3)
        await app.use(pilot, "code", larger)
        assert app.groups[CENTRE].size.width > code.width
        assert app.groups[RIGHT_BELOW].size.height < stack.height
        bottom = app.groups[BOTTOM].size.height
        await app.use(pilot, "code", larger.resized(BOTTOM, 5))
        assert app.groups[BOTTOM].size.height > bottom
        hidden = Wishes().without(RIGHT).without(RIGHT_BELOW)
        assert await app.use(pilot, "code", hidden) == {LEFT, CENTRE, BOTTOM}
        assert app.query_one("#right-column").region.area == 0
        for pane, place in (("memory", BOTTOM), ("watches", RIGHT_BELOW)):
            assert await app.use(pilot, pane, Wishes(zoomed=True)) == {place}
            assert app.panes[pane].size.height > 40
        assert app.layout_of_panes.place_of(app.panes["why"]) == BOTTOM

    show(app, script, size=(200, 60))


@pytest.mark.parametrize(
    ("height", "header", "bar"), [(24, True, True), (9, False, True), (7, False, False)]
)
def test_a_low_screen_is_for_the_pane_in_use(
    recording: Recording, height: int, header: bool, bar: bool
) -> None:
    app = Arranged(recording)

    async def script(pilot: Pilot[None]) -> None:
        shown = await app.use(pilot, "stack", Wishes())
        assert shown == ({RIGHT_BELOW, BOTTOM} if height > 16 else {RIGHT_BELOW})
        assert app.query_one("#header").display is header
        assert app.query_one(Footer).display is header
        assert app.query_one(ScrubberView).display is bar

    show(app, script, size=(80, height))
