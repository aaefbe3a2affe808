"""Places as people write them."""

from __future__ import annotations

import pytest

from replay.machine.position import Position
from replay.player.errors import BadPlace
from replay.player.places import Places

END = Position(99)


def test_every_way_to_write_a_place() -> None:
    places = Places(Position(0), END)
    assert places.keep(Position(4, 2)) == 1
    found = {text: places.find(text) for text in ("start", "end", "c1", "7", "7+8")}
    assert found == {
        "start": Position(0),
        "end": END,
        "c1": Position(4, 2),
        "7": Position(7),
        "7+8": Position(7, 8),
    }


@pytest.mark.parametrize("text", ["c2", "c", "", "x", "1+", "c-1"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(BadPlace):
        Places(Position(0), END).find(text)


def test_bookmarks_have_names_that_nothing_else_has() -> None:
    places = Places(Position(0), END)
    assert [name for name in ("end", "c1", "here") if places.is_taken(name)] == ["end", "c1"]
    places.bookmarks = lambda: {"here": Position(3)}
    assert places.find("here") == Position(3)


def test_numbers_are_never_used_again() -> None:
    places = Places(Position(0), END)
    places.keep(Position(1))
    places.forget(1)
    assert places.keep(Position(2)) == 2
    assert dict(places.kept) == {2: Position(2)}
    with pytest.raises(BadPlace):
        places.forget(1)


def test_the_end_may_move() -> None:
    places = Places(Position(0), END)
    places.move_end(Position(END.event + 5))
    assert places.find("end") == Position(END.event + 5)
    assert places.find("start") == Position(0)


def test_there_is_a_limit() -> None:
    places = Places(Position(0), END)
    for number in range(10_000):
        places.keep(Position(number))
    with pytest.raises(BadPlace):
        places.keep(Position(1))
