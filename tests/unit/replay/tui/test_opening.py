"""How a session begins."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.stops import Why
from replay.tui.explorer import Explorer
from replay.tui.model.points import BadPoints, Points, points_to_plain
from replay.tui.model.session_state import SessionState
from replay.tui.opening import Opening


def test_it_begins_at_the_start(explorer: Explorer) -> None:
    assert Opening().begin(explorer).position == Position(0)


def test_it_begins_where_the_last_one_ended_with_its_points(explorer: Explorer) -> None:
    points = Points().with_display("$rip", "a")
    kept = SessionState(Position(5, 3), points_to_plain(points))
    assert Opening(kept=kept).begin(explorer).position == Position(5, 3)
    assert explorer.points == points


def test_a_way_comes_before_what_was_kept(explorer: Explorer) -> None:
    stop = Opening(Explorer.to_end, SessionState(Position(5))).begin(explorer)
    assert stop.why is Why.END


def test_a_place_behind_the_end_is_the_end(explorer: Explorer) -> None:
    stop = Opening(kept=SessionState(Position(1 << 40))).begin(explorer)
    assert stop.position == explorer.timeline.end


def test_points_of_somebody_else() -> None:
    with pytest.raises(BadPoints):
        Opening(kept=SessionState(points={"points": "all"}))
