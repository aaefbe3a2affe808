"""The bar over the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.model.rows import Role, ToEvent, ToPosition
from replay.tui.recording import Recording
from replay.tui.widgets.scrubber_view import ScrubberView
from tests.unit.replay.tui.model.event_traces import PRINTED, clock
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, drawn, show, shown, standing

RUN = [clock(0), *[PRINTED] * 48, clock(10**9)]


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, RUN) as found:
        yield found


@pytest.mark.parametrize(("height", "rows"), [(24, 2), (30, 3), (42, 4)])
def test_as_many_rows_as_there_is_room_for(recording: Recording, height: int, rows: int) -> None:
    view = ScrubberView(recording)

    async def script(pilot: Pilot[None]) -> None:
        await drawn(pilot)
        assert len(view.rows) == view.size.height == rows

    show(Showing(view), script, size=(100, height))


def test_a_click_goes_to_that_part_of_the_run(recording: Recording) -> None:
    view = ScrubberView(recording)

    async def script(pilot: Pilot[None]) -> None:
        view.show(standing(Position(0)))
        await pilot.click(view, offset=(0, 0))  # beside it
        await pilot.click(view, offset=(1, 0))
        await pilot.click(view, offset=(50, 0))
        await pilot.click(view, offset=(98, 0))

    told = show(Showing(view), script)
    targets = [each.target for each in told if isinstance(each, ScrubberView.Picked)]
    events = [each.event for each in targets if isinstance(each, ToEvent)] + [
        each.position.event for each in targets if isinstance(each, ToPosition)
    ]
    assert len(events) == 3
    assert events[0] <= 1
    assert 20 < events[1] < 30
    assert events[2] >= len(RUN) - 2


def test_where_the_guest_stands_and_what_is_marked(recording: Recording) -> None:
    view = ScrubberView(recording)

    async def script(pilot: Pilot[None]) -> None:
        await drawn(pilot)
        views = [shown(view)]
        view.show(standing(Position(10)))
        views.append(shown(view))
        recording.notebook.bookmarks["b"] = Position(30)
        view.show_news()
        views.append(shown(view))
        view.mark_divergence(45)
        views.append(shown(view))
        assert len({tuple(each) for each in views}) == 4
        roles = {span.role for n in range(len(view.rows)) for span in view.rows.line(n)}
        assert Role.BAD in roles

    show(Showing(view), script)


def test_in_equal_parts_by_events_or_time(recording: Recording) -> None:
    view = ScrubberView(recording)

    async def script(pilot: Pilot[None]) -> None:
        view.show(standing(Position(25)))
        await drawn(pilot)
        by_events = shown(view)
        assert view.switch_axis() == "the guest's time"
        assert shown(view) != by_events
        assert view.switch_axis() == "events"
        assert shown(view) == by_events

    show(Showing(view), script)
