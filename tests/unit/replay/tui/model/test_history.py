"""Back and forth, as a browser does."""

from __future__ import annotations

from replay.machine.position import Position
from replay.tui.model.history import History

A, B, C, D = (Position(n) for n in range(4))


def test_back_and_forth() -> None:
    history = History()
    history.leave(A)
    history.leave(B)
    assert history.back(C) == B
    assert history.back(B) == A
    assert history.back(A) is None
    assert history.forward(A) == B
    assert history.forward(B) == C
    assert history.forward(C) is None


def test_another_way_ends_the_way_forth() -> None:
    history = History()
    history.leave(A)
    assert history.back(B) == A
    history.leave(A)
    assert history.forward(D) is None
    assert history.back(D) == A


def test_where_one_stands_is_passed_over() -> None:
    history = History()
    history.leave(A)
    history.leave(B)
    assert history.back(B) == A


def test_it_is_bounded() -> None:
    history = History()
    for number in range(5000):
        history.leave(Position(number))
    count = 0
    here: Position | None = Position(5000)
    while here is not None and (here := history.back(here)) is not None:
        count += 1
    assert count == 1000
