"""The panes of frames and of block requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.player.given_log import Chunk
from replay.tui.model.rows import ToEvent
from replay.tui.recording import Recording
from replay.tui.widgets.rows_view import RowsView
from replay.tui.widgets.table_pane import BlocksPane, NetworkPane, TablePane
from tests.unit.replay.tui.model.event_traces import ARRIVED, POLLED, READ, SENT, clock
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, numbers, show, standing

RUN = [clock(5), SENT, POLLED, READ, ARRIVED, READ, SENT]


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, RUN) as found:
        yield found


@pytest.mark.parametrize(
    ("pane_class", "events", "device"),
    [(NetworkPane, [1, 4, 6], "service"), (BlocksPane, [3, 5], "storage")],
)
def test_its_events_and_the_next_in_sight(
    recording: Recording, pane_class: type[TablePane], events: list[int], device: str
) -> None:
    pane = pane_class(recording)

    async def script(pilot: Pilot[None]) -> None:
        rows = texts(pane.rows)  # before the guest is there
        assert len(rows) == len(events)
        assert all(device in row for row in rows)
        pane.show(standing(Position(events[1])))
        assert pane.cursor == 1
        assert pane.subtitle == f"1 of {len(events)}"
        pane.show(standing(Position(100)))  # behind all of them
        assert pane.cursor == len(events) - 1
        await pilot.press("enter")

    told = show(Showing(pane), script)
    assert numbers(pane.events) == events
    assert [each.target for each in told if isinstance(each, RowsView.Chosen)] == [
        ToEvent(events[-1])
    ]


def test_one_in_detail_and_back_to_its_row(recording: Recording) -> None:
    pane = NetworkPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(4)))
        beside = pane.detail()
        assert beside is not None
        pane.switch_view()
        assert texts(pane.rows) == texts(beside)
        assert pane.detail() is None  # it is there already
        pane.switch_view()
        assert (pane.cursor, len(pane.rows)) == (1, 3)
        pane.switch_view()
        pane.show(standing(Position(6)))  # a guest that moves shows the list
        assert (pane.cursor, len(pane.rows)) == (2, 3)

    show(Showing(pane), script)


def test_bytes_are_shown_once_they_are_known(recording: Recording) -> None:
    pane = NetworkPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(0)))
        before = pane.detail()
        recording.given.add_given(Chunk([1], [6], [6], b"answer"))
        pane.show_news()
        after = pane.detail()
        assert before is not None
        assert after is not None
        assert "answer" not in "".join(texts(before))
        assert "answer" in "".join(texts(after))

    show(Showing(pane), script)


def test_without_any(tmp_path: Path) -> None:
    with recorded(tmp_path, [clock(5)]) as recording:
        pane = BlocksPane(recording)

        async def script(_: Pilot[None]) -> None:
            pane.show(standing(Position(0)))
            pane.switch_view()
            assert (len(pane.rows), pane.subtitle, pane.detail()) == (0, "none", None)

        show(Showing(pane), script)
