"""The pane of rates."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.widgets.rates_pane import RatesPane
from tests.unit.replay.tui.model.event_traces import PRINTED, SENT, clock
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, drawn, show, standing

RUN = [clock(0), PRINTED, SENT, PRINTED, clock(2_000_000_000)]


def test_events_by_kind(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        pane = RatesPane(recording)

        async def script(_: Pilot[None]) -> None:
            pane.show(standing(Position(1)))
            head, *kinds = texts(pane.rows)
            assert head.startswith("5 events in 2.000000 s")
            assert {row.split()[0] for row in kinds} == {
                "MonotonicClock",
                "ConsoleWrite",
                "NetWrite",
            }

        show(Showing(pane), script)


def test_nothing_is_counted_while_nobody_looks(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        pane = RatesPane(recording)

        async def script(pilot: Pilot[None]) -> None:
            pane.display = False
            await drawn(pilot)
            before = pane.rows
            pane.show_news()
            pane.show(standing(Position(1)))
            assert pane.rows is before
            pane.display = True
            await drawn(pilot)
            assert pane.rows is not before

        show(Showing(pane), script)


def test_a_recording_that_may_go_on_tells_how_it_is_followed(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN, finished=False) as recording:
        pane = RatesPane(recording)

        async def script(_: Pilot[None]) -> None:
            pane.show_news()
            rows = texts(pane.rows)
            assert all(
                any(state in row for row in rows) for state in recording.follower.states().values()
            )
            assert recording.follower.states()

        show(Showing(pane), script)
