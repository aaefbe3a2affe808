"""A place in an execution, the same on every engine."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(r"(\d{1,19})(?:\+(\d{1,19}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """``event`` crossings have been answered, and ``instructions`` executed since the last of them.

    Written ``42+1017``. Events are numbered from 0, so the next crossing at ``42+…`` is event 42.
    """

    event: int
    instructions: int = 0

    def __str__(self) -> str:
        return f"{self.event}+{self.instructions}" if self.instructions else str(self.event)


def parse_position(text: str) -> Position:
    """The position that ``text`` writes; raises ValueError with the expected form."""
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"not a position: {text!r} (write EVENT or EVENT+INSTRUCTIONS, as 42+1017)"
        )
    return Position(int(match[1]), int(match[2] or 0))
