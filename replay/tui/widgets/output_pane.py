"""Commands that were typed, and their answers."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from replay.tui.model.rows import FixedRows, Line, Role, Span, visible
from replay.tui.widgets.pane import Pane

_LINES_MAX = 5000


class OutputPane(Pane):
    """A list that grows at its end."""

    NAME: ClassVar[str] = "output"
    TITLE: ClassVar[str] = "Output"
    KEY: ClassVar[str] = "o"
    ABOUT: ClassVar[str] = "commands and their answers"

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=_LINES_MAX)

    def add(self, text: str, role: Role = Role.TEXT) -> None:
        """Some lines."""
        self._lines.extend((Span(visible(line.expandtabs()), role),) for line in text.split("\n"))
        self.set_rows(FixedRows(tuple(self._lines)), cursor=len(self._lines) - 1)
