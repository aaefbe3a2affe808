"""Places in a recording as people write them, and the numbered ones that they keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from replay.machine.position import Position, parse_position
from replay.player.errors import BadPlace

_NUMBERED = re.compile(r"c(\d{1,9})", re.ASCII)
_KEPT_MAX = 10_000


class Places:
    """Everything between ``start`` and ``end``; checkpoints are numbered from 1. ``bookmarks``
    gives those that have names."""

    def __init__(self, start: Position, end: Position) -> None:
        self._named = {"start": start, "end": end}
        self._kept: dict[int, Position] = {}
        self._last = 0
        self.bookmarks: Callable[[], Mapping[str, Position]] = dict

    def move_end(self, end: Position) -> None:
        """The recording has become longer."""
        self._named["end"] = end

    @property
    def kept(self) -> Mapping[int, Position]:
        """The checkpoints by number."""
        return self._kept

    def keep(self, position: Position) -> int:
        """A new checkpoint's number."""
        if len(self._kept) >= _KEPT_MAX:
            raise BadPlace(f"no more than {_KEPT_MAX} checkpoints; delete some")
        self._last += 1
        self._kept[self._last] = position
        return self._last

    def forget(self, number: int) -> None:
        """Raises ``BadPlace`` for a number that there is not."""
        self.numbered(number)
        del self._kept[number]

    def numbered(self, number: int) -> Position:
        """Raises ``BadPlace`` for a number that there is not."""
        if number not in self._kept:
            raise BadPlace(f"there is no checkpoint {number}; `info checkpoints` lists them")
        return self._kept[number]

    def find(self, text: str) -> Position:
        """``start``, ``end``, ``cN`` for a checkpoint, a position, or a bookmark; raises
        ``BadPlace``."""
        if text in self._named:
            return self._named[text]
        if match := _NUMBERED.fullmatch(text):
            return self.numbered(int(match[1]))
        try:
            return parse_position(text)
        except ValueError as error:
            marked = self.bookmarks().get(text)
            if marked is None:
                other = "start, end, cN for a checkpoint, or a bookmark"
                raise BadPlace(f"{error}, or {other}") from error
            return marked

    def is_taken(self, name: str) -> bool:
        """Whether a name means something else than a bookmark."""
        return name in self._named or _NUMBERED.fullmatch(name) is not None
