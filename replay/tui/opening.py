"""How a session begins: where, and with what was kept of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from replay.player.stops import Stop
from replay.tui.desk import Way
from replay.tui.explorer import Explorer
from replay.tui.model.points import Points, points_from_plain
from replay.tui.model.session_state import SessionState


@dataclass(frozen=True, slots=True)
class Opening:
    """``way`` leads to where the session begins, without one it is where the last one ended (the
    start, if there was none); ``remarks`` are told to the user once it has begun. Raises
    ``BadPoints`` for breakpoints that nobody of us has kept."""

    way: Way | None = None
    kept: SessionState = field(default_factory=SessionState)
    remarks: Sequence[str] = ()
    follows: bool = False
    """Whether the guest then goes along with a recording that is still being made."""
    points: Points = field(init=False)

    def __post_init__(self) -> None:
        """Breakpoints are plain data in what was kept."""
        object.__setattr__(self, "points", points_from_plain(self.kept.points))

    def begin(self, explorer: Explorer) -> Stop:
        """Go to the place, with breakpoints and watches in force."""
        explorer.set_points(self.points)
        if self.way is not None:
            return self.way(explorer)
        return explorer.seek(self.kept.position)
