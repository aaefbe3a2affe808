"""The pane of the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from replay.machine.position import Position
from replay.tui.model.rows import ToPosition
from replay.tui.recording import Recording
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.console_pane import ConsolePane
from tests.unit.replay.tui.model.event_traces import POLLED, PRINTED, clock
from tests.unit.replay.tui.model.guests import texts
from tests.unit.replay.tui.scanned import recorded, say
from tests.unit.replay.tui.widgets.showing import Showing, numbers, show, standing

HERE = "── here: event"


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with recorded(tmp_path, [clock(5), PRINTED, PRINTED, POLLED, PRINTED]) as found:
        yield found


def test_a_line_says_where_the_guest_stands(recording: Recording) -> None:
    say(recording, e1="one\n", e2="two\x1b[2J\n", e4="three\n")
    pane = ConsolePane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(3)))
        rows = texts(pane.rows)
        assert rows[0].split() == ["1", "one"]
        assert rows[pane.cursor].startswith(f"{HERE} 3")
        assert "three" in rows[3]
        pane.switch_view()  # without what comes later
        assert texts(pane.rows)[-1] == f"{HERE} 3, 6 bytes come later ──"
        assert pane.subtitle == "18 bytes"

    show(Showing(pane), script)


def test_more_text_leaves_the_cursor_where_it_has_been_put(recording: Recording) -> None:
    pane = ConsolePane(recording)

    async def script(_: Pilot[None]) -> None:
        pane.show(standing(Position(4)))
        assert texts(pane.rows) == [f"{HERE} 4 ──", "… 0 % read"]
        say(recording, e1="one\n", e2="two\n")
        pane.show_news()
        assert len(pane.rows) == 3
        assert pane.cursor == 2  # still where the guest stands
        pane.move_cursor(1)
        pane.show_news()
        assert pane.cursor == 1

    show(Showing(pane), script)


def test_enter_goes_to_where_a_line_was_printed(recording: Recording) -> None:
    say(recording, e1="one\n", e2="two\n")
    pane = ConsolePane(recording)

    async def script(pilot: Pilot[None]) -> None:
        pane.show(standing(Position(0)))
        pane.move_cursor(2)
        assert ToPosition(Position(3)) in pane.span_targets
        await pilot.click(pane, offset=(9, 1))

    told = show(Showing(pane), script)
    assert [getattr(message, "target", None) for message in told] == [ToPosition(Position(2))]


def test_searching_in_both_directions(recording: Recording) -> None:
    say(recording, e1="one\n", e2="two\n", e4="not one\n")
    pane = ConsolePane(recording)

    async def script(_: Pilot[None]) -> None:
        work = Undertaking("")
        assert not await ConsolePane(recording).find("one", 1, work)  # nothing was shown yet
        pane.show(standing(Position(3)))
        assert await pane.find("one", 1, work)
        assert "not one" in texts(pane.rows)[pane.cursor]
        assert await pane.find("one", -1, work)
        assert texts(pane.rows)[pane.cursor].split() == ["1", "one"]
        assert not await pane.find("one", -1, work)
        assert not await pane.find("four", 1, work)

    show(Showing(pane), script)


def test_printing_events_are_gone_through(recording: Recording) -> None:
    assert numbers(ConsolePane(recording).events) == [1, 2, 4]
