"""What a client has set is what a journey stops at."""

from __future__ import annotations

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.gdbstub.errors import Refused
from replay.gdbstub.points import Points
from replay.gdbstub.protocol.commands import InsertPoint, PointKind, RemovePoint
from tests.unit.replay.gdbstub.fakes import FakeGuest

TRUE, FALSE = b"\x22\x01\x27", b"\x22\x00\x27"


def test_points_come_and_go() -> None:
    points = Points()
    points.insert(InsertPoint(PointKind.SOFTWARE, 1, 1))
    points.insert(InsertPoint(PointKind.SOFTWARE, 1, 1))
    points.insert(InsertPoint(PointKind.ACCESS, 8, 4))
    wanted = points.wanted()
    assert [each.address for each in wanted.breaks] == [1]
    assert [each.point for each in wanted.watches] == [Watchpoint(8, 4, Access.READ_WRITE)]
    assert points.reason(wanted.breaks[0]) == [("swbreak", "")]
    assert points.reason(wanted.watches[0]) == [("awatch", "8")]
    assert points.reason(None) == []
    points.remove(RemovePoint(PointKind.SOFTWARE, 1, 1))
    points.remove(RemovePoint(PointKind.SOFTWARE, 1, 1))
    assert not points.wanted().breaks
    points.clear()
    assert not points.wanted().watches


def test_one_of_several_conditions_is_enough() -> None:
    points = Points()
    for conditions, holds in (((FALSE, TRUE), True), ((FALSE,), False), ((FALSE, b""), True)):
        points.insert(InsertPoint(PointKind.SOFTWARE, 1, 1, conditions))
        (point,) = points.wanted().breaks
        assert point.condition
        assert point.condition(FakeGuest()) is holds
    points.insert(InsertPoint(PointKind.SOFTWARE, 1, 1))
    assert points.wanted().breaks[0].condition is None


def test_there_are_limits() -> None:
    points = Points()
    for address in range(4096):
        points.insert(InsertPoint(PointKind.SOFTWARE, address, 1))
    with pytest.raises(Refused):
        points.insert(InsertPoint(PointKind.SOFTWARE, 4096, 1))
    for size in (0, (1 << 20) + 1):
        with pytest.raises(Refused):
            Points().insert(InsertPoint(PointKind.WRITE, 0, size))
