"""Values of crossings: cheap to make, and otherwise like any other value."""

from __future__ import annotations

import dataclasses

from monitors.calls.clock import ClockReading
from monitors.calls.values import crossing_value
from monitors.ports import PortRead, SystemCall


@crossing_value
class Pair:
    left: int
    right: int = 2


def test_it_is_compared_and_hashed_by_its_kind_and_its_fields() -> None:
    assert Pair(1) == Pair(1, 2) != Pair(2, 2)
    assert len({Pair(1), Pair(1), Pair(3)}) == 2
    assert PortRead(5, 4) != Pair(5, 4)


def test_it_is_shown_taken_apart_and_replaced_as_a_dataclass() -> None:
    assert repr(Pair(7)) == "Pair(left=7, right=2)"
    assert dataclasses.replace(Pair(7), right=9) == Pair(7, 9)
    match Pair(3, 4):
        case Pair(left, right):
            assert (left, right) == (3, 4)


def test_it_has_slots_alone() -> None:
    for value in (Pair(1), ClockReading(1), SystemCall(0, (0, 0, 0, 0, 0, 0), 0)):
        assert not hasattr(value, "__dict__")
