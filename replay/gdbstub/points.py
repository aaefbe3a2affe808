"""The breakpoints and watchpoints that a client has set, as what a journey stops at."""

from __future__ import annotations

from collections.abc import Callable

from replay.engines.ports import Access, Watchpoint
from replay.gdbstub.agent_expression import condition_holds
from replay.gdbstub.errors import Refused
from replay.gdbstub.protocol.commands import InsertPoint, PointKind, RemovePoint
from replay.player.stops import Break, Condition, View, Wanted, Watch

_POINTS_MAX = 4096
_WATCHED_BYTES_MAX = 1 << 20
_ACCESS = {
    PointKind.WRITE: Access.WRITE,
    PointKind.READ: Access.READ,
    PointKind.ACCESS: Access.READ_WRITE,
}
_REASONS = {
    PointKind.SOFTWARE: "swbreak",
    PointKind.HARDWARE: "hwbreak",
    PointKind.WRITE: "watch",
    PointKind.READ: "rwatch",
    PointKind.ACCESS: "awatch",
}
_Key = tuple[PointKind, int, int]


class Points:
    """What is set now. Setting the same again takes the new conditions."""

    def __init__(self) -> None:
        self._set: dict[_Key, Break | Watch] = {}

    def insert(self, point: InsertPoint) -> None:
        """Raises ``Refused`` for too many or too large ones."""
        key = (point.kind, point.address, point.size)
        if key not in self._set and len(self._set) >= _POINTS_MAX:
            raise Refused(f"no more than {_POINTS_MAX} breakpoints and watchpoints at a time")
        self._set[key] = _made(point)

    def remove(self, point: RemovePoint) -> None:
        """What is not set is removed already."""
        self._set.pop((point.kind, point.address, point.size), None)

    def clear(self) -> None:
        """Remove all."""
        self._set.clear()

    def wanted(self) -> Wanted:
        """All of them."""
        return Wanted(
            breaks=tuple(point for point in self._set.values() if isinstance(point, Break)),
            watches=tuple(point for point in self._set.values() if isinstance(point, Watch)),
        )

    def reason(self, hit: Break | Watch | None) -> list[tuple[str, str]]:
        """The field of a stop reply that says what was met."""
        for (kind, address, _), point in self._set.items():
            if point is hit:
                return [(_REASONS[kind], f"{address:x}" if kind in _ACCESS else "")]
        return []


def _made(point: InsertPoint) -> Break | Watch:
    condition = _condition(point.conditions)
    if point.kind not in _ACCESS:
        return Break(point.address, condition)
    if not 0 < point.size <= _WATCHED_BYTES_MAX:
        raise Refused(f"a watchpoint is on 1 to {_WATCHED_BYTES_MAX} bytes, not {point.size}")
    return Watch(Watchpoint(point.address, point.size, _ACCESS[point.kind]), condition)


def _condition(expressions: tuple[bytes, ...]) -> Condition | None:
    if not expressions:
        return None
    condition: Callable[[View], bool] = lambda view: any(  # noqa: E731 (a value, not a name)
        condition_holds(expression, view) for expression in expressions
    )
    return condition
