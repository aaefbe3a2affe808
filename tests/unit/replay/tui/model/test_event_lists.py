"""Lists of events, and tables of them."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.given_log import Given
from replay.tui.model.event_lists import (
    EventList,
    EventsOfKinds,
    EventTable,
    event_after,
    event_before,
    seconds_text,
)
from replay.tui.model.glyphs import ASCII
from replay.tui.model.rows import Line, Role, Span, ToEvent, plain
from tests.unit.replay.tui.model.recorded_events import EVENTS, Recorded
from traces.columns import EventColumns, kinds_named
from traces.events import Event


def test_a_list_grows_at_its_end() -> None:
    events = EventList((3, 9))
    events.extend([12])
    assert [events[number] for number in range(len(events))] == [3, 9, 12]
    assert [events.before(event) for event in (0, 3, 4, 9, 12, 13)] == [0, 0, 1, 1, 2, 3]


def test_columns_without_events_have_none_of_a_kind() -> None:
    events = EventsOfKinds(EventColumns(), kinds_named(("NetRead",)))
    assert (len(events), events.before(100)) == (0, 0)


class Index:
    """Every third event is of the kind."""

    def count(self, kinds: frozenset[int], begin: int = 0, end: int | None = None) -> int:
        assert kinds == frozenset((7,))
        return len(range(begin, 30 if end is None else end, 3))

    def select(self, kinds: frozenset[int], nth: int) -> int:
        return nth * 3


def test_events_of_some_kinds() -> None:
    events = EventsOfKinds(Index(), frozenset((7,)))
    assert (len(events), events[4], events.before(4)) == (10, 12, 2)


@pytest.mark.parametrize(
    ("here", "before", "after"),
    [
        (Position(0), None, 3),
        (Position(3), None, 3),
        (Position(3, 5), 3, 3),
        (Position(4), 3, 9),
        (Position(9), 3, 9),
        (Position(20), 9, None),
    ],
)
def test_neighbours_of_a_position(here: Position, before: int | None, after: int | None) -> None:
    events = EventList((3, 9))
    assert (event_before(events, here), event_after(events, here)) == (before, after)


def tell(event: Event, given: Given | None) -> Line:
    return (Span(f"{event.call.name} {given and given.length}"),)


def test_a_row_has_number_time_and_what_is_told() -> None:
    table = EventTable(EventList(range(len(EVENTS) + 1)), Recorded().source, tell, ASCII)
    table.here = Position(1)
    assert plain(table.line(0)) == "         0     0.000000 WallClock None"
    assert plain(table.line(1)) == ">        1     0.001000 NetRead None"
    assert plain(table.line(8)) == "         8              BlockWrite None"
    assert plain(table.line(10)).endswith("cannot be read")
    assert table.line(2)[1].target == ToEvent(2)
    assert [table.line(row)[-1].role for row in range(3)] == [Role.TEXT, Role.DIM, Role.DIM]


def test_where_the_guest_stands_between_rows() -> None:
    table = EventTable(EventList((3, 9)), Recorded().source, tell, ASCII)
    rows = []
    for event in (0, 3, 4, 9, 10):
        table.here = Position(event)
        rows.append(table.here_row)
    assert rows == [0, 0, 1, 1, 2]
    assert not any(plain(table.line(row)).startswith(">") for row in range(2))


def test_an_event_is_read_again_only_when_more_is_known() -> None:
    recorded = Recorded()
    table = EventTable(EventList((2,)), recorded.source, tell)
    for _ in range(3):
        assert plain(table.line(0)).endswith("None")
    recorded.given[2] = Given(b"ab", 2)
    for _ in range(3):
        assert plain(table.line(0)).endswith("2")
    assert recorded.read == [2, 2]


def test_few_rows_are_kept() -> None:
    recorded = Recorded()
    events = EventList([0] + [1] * 10)
    table = EventTable(events, recorded.source, tell)
    for row in range(len(events)):
        table.line(row)
    assert recorded.read == [0, 1]


def test_seconds() -> None:
    assert seconds_text(12_345_678_901) == "12.345678"
    assert seconds_text(-1_500_000_000) == "-1.500000"
