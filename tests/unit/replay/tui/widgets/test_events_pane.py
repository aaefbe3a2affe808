"""The pane of all events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.explorer import Trouble
from replay.tui.model.event_filter import BadQuery
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.events_pane import EventsPane
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    DAY_NS,
    POLLED,
    PRINTED,
    SENT,
    clock,
    wall,
)
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.scanned import recorded
from tests.unit.replay.tui.widgets.showing import Showing, numbers, show, standing

RUN = [wall(DAY_NS), clock(5), PRINTED, SENT, POLLED, ARRIVED, PRINTED, SENT, POLLED, clock(9)]


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, RUN) as found:
        yield found


async def filtered(pilot: Pilot[None], pane: EventsPane, text: str) -> list[str]:
    """The rows when the filter has come to its end."""
    pane.set_filter(text)
    await pilot.app.workers.wait_for_complete()
    pane.show_news()
    return texts(pane.rows)


def test_the_next_event_is_in_sight_and_marks_are_beside_it(recording: Recording) -> None:
    pane = EventsPane(recording)
    book = recording.notebook
    book.bookmarks["b"] = Position(2)

    async def script(_: Pilot[None]) -> None:
        assert len(texts(pane.rows)) == len(RUN)  # before the guest is there
        pane.show(standing(Position(4, 7)))
        assert pane.cursor == 4
        before = texts(pane.rows)
        book.notes[Position(6)] = "look here"
        pane.show_marks()
        after = texts(pane.rows)
        assert [n for n in range(len(RUN)) if before[n] != after[n]] == [6]
        assert "look here" in after[6]

    show(Showing(pane), script)


def test_a_divergence_stays_marked(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(0)))
        before = texts(pane.rows)[5]
        pane.show(standing(Position(5), trouble=Trouble("they part ways", 5)))
        pane.show(standing(Position(0), trouble=Trouble("something else")))
        assert texts(pane.rows)[5] != before

    show(Showing(pane), script)


def test_a_filter_by_kind_and_text(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(pilot: Pilot[None]) -> None:
        pane.show(standing(Position(6)))
        assert len(await filtered(pilot, pane, "call:net")) == 3
        assert numbers(pane.events) == [3, 5, 7]
        assert pane.cursor == 2  # the next one behind the guest
        assert pane.subtitle == "& call:net · 3"
        rows = await filtered(pilot, pane, "monotonic")
        assert [row.split()[0] for row in rows] == ["#1", "#9"]
        with pytest.raises(BadQuery):
            pane.set_filter("call:nonsense")
        assert pane.filter_text == "monotonic"  # which is still what is shown
        assert len(await filtered(pilot, pane, "")) == len(RUN)
        assert (pane.events, pane.subtitle, pane.cursor) == (None, "", 6)

    show(Showing(pane), script)


def test_how_many_were_found_is_told_when_the_filter_has_come_to_its_end(
    recording: Recording,
) -> None:
    pane = EventsPane(recording)

    async def script(pilot: Pilot[None]) -> None:
        pane.set_filter("monotonic")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()  # nobody has any news of a recording that is complete
        assert pane.subtitle == "& monotonic · 2"

    show(Showing(pane), script)


def test_searching_from_the_cursor(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(_: Pilot[None]) -> None:
        work = Undertaking("")
        pane.move_cursor(4)
        assert await pane.find("net", 1, work)
        assert pane.cursor == 5
        assert await pane.find("call:net", -1, work)
        assert pane.cursor == 3
        assert work.fraction is not None
        assert not await pane.find("nothing like it", 1, work)
        assert pane.cursor == 3
        assert not await pane.find("net", 1, Undertaking("", is_cancelled=True))

    show(Showing(pane), script)


def test_what_is_looked_for_can_be_given_up(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(pilot: Pilot[None]) -> None:
        assert not pane.cancel_search()
        await filtered(pilot, pane, "monotonic")
        assert not pane.cancel_search()  # it has come to its end

    show(Showing(pane), script)


def test_other_times(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(_: Pilot[None]) -> None:
        before = texts(pane.rows)[1]
        recording.switch_time()
        pane.switch_time()
        assert texts(pane.rows)[1] != before
        recording.switch_time()
        pane.switch_time()
        assert texts(pane.rows)[1] == before

    show(Showing(pane), script)


def test_the_detail_is_the_whole_of_the_row(recording: Recording) -> None:
    pane = EventsPane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.move_cursor(3)
        detail = pane.detail()
        assert detail is not None
        assert "NetWrite" in texts(detail)[0]

    show(Showing(pane), script)
