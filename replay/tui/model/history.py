"""Where the guest stood before, as a browser keeps pages."""

from __future__ import annotations

from replay.machine.position import Position

_PLACES_MAX = 1000


class History:
    """A way back, and forth again until another way is gone."""

    def __init__(self) -> None:
        self._before: list[Position] = []
        self._behind: list[Position] = []

    def leave(self, position: Position) -> None:
        """A journey has begun at ``position``."""
        if not self._before or self._before[-1] != position:
            self._before.append(position)
            del self._before[:-_PLACES_MAX]
        self._behind.clear()

    def back(self, here: Position) -> Position | None:
        """Where one was before; ``None`` at the beginning."""
        return self._turn(self._before, self._behind, here)

    def forward(self, here: Position) -> Position | None:
        """Where one was when one went back; ``None`` if one did not."""
        return self._turn(self._behind, self._before, here)

    @staticmethod
    def _turn(source: list[Position], other: list[Position], here: Position) -> Position | None:
        while source:
            place = source.pop()
            if place != here:
                other.append(here)
                return place
        return None
