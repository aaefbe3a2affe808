"""Places in a recording as people write them, and the numbered ones that they keep."""

from __future__ import annotations

import re
from collections.abc import Mapping

from replay.gdbstub.errors import Refused
from replay.machine.position import Position, parse_position

_NUMBERED = re.compile(r"c(\d{1,9})", re.ASCII)
_KEPT_MAX = 10_000


class Places:
    """Everything between ``start`` and ``end``; checkpoints are numbered from 1."""

    def __init__(self, start: Position, end: Position) -> None:
        self._named = {"start": start, "end": end}
        self._kept: dict[int, Position] = {}
        self._last = 0

    @property
    def kept(self) -> Mapping[int, Position]:
        """The checkpoints by number."""
        return self._kept

    def keep(self, position: Position) -> int:
        """A new checkpoint's number."""
        if len(self._kept) >= _KEPT_MAX:
            raise Refused(f"no more than {_KEPT_MAX} checkpoints; delete some")
        self._last += 1
        self._kept[self._last] = position
        return self._last

    def forget(self, number: int) -> None:
        """Raises ``Refused`` for a number that there is not."""
        self.numbered(number)
        del self._kept[number]

    def numbered(self, number: int) -> Position:
        """Raises ``Refused`` for a number that there is not."""
        if number not in self._kept:
            raise Refused(f"there is no checkpoint {number}; `info checkpoints` lists them")
        return self._kept[number]

    def find(self, text: str) -> Position:
        """``start``, ``end``, ``cN`` for a checkpoint, or a position; raises ``Refused``."""
        named = self._named.get(text)
        if named is not None:
            return named
        if match := _NUMBERED.fullmatch(text):
            return self.numbered(int(match[1]))
        try:
            return parse_position(text)
        except ValueError as error:
            raise Refused(f"{error}, or start, end, or cN for a checkpoint") from error
