"""The calls that lead to where the guest stands, and the words of its stack."""

from __future__ import annotations

import enum
from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.rows import FixedRows
from replay.tui.model.stack import Frame, StackSeen, backtrace_rows, look_at_stack, word_rows
from replay.tui.widgets.pane import Look, Pane


class StackForm(enum.Enum):
    """What of the stack is shown."""

    CALLS = "calls"
    BOTH = "calls and words"
    WORDS = "words"


_FORMS = tuple(StackForm)


class StackPane(Pane):
    """Backtrace, stack words, or both."""

    NAME: ClassVar[str] = "stack"
    TITLE: ClassVar[str] = "Stack"
    KEY: ClassVar[str] = "4"
    ABOUT: ClassVar[str] = "the calls that lead here; Enter looks at one"

    def __init__(self) -> None:
        super().__init__()
        self._form = StackForm.BOTH
        self._seen: StackSeen | None = None
        self._before: StackSeen | None = None
        self._position: Position | None = None
        self.chosen = 0
        """The number of the frame that is looked at, 0 the innermost."""

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return 0 if self._seen is None else len(self._seen.frames)

    def look(self) -> Look:
        """Frames and words."""

        def look(explorer: Explorer) -> StackSeen:
            return look_at_stack(explorer.timeline, explorer.symbols)

        return look

    def display_seen(self, moment: Moment, seen: object) -> None:
        """Where the guest stands, its innermost frame is looked at."""
        assert isinstance(seen, StackSeen)
        if moment.position != self._position:
            self._before, self._position, self.chosen = self._seen, moment.position, 0
        self._seen = seen
        self._make_rows()

    def choose(self, number: int) -> Frame:
        """Look at a frame."""
        assert self._seen is not None
        self.chosen = number
        self._make_rows()
        return self._seen.frame(number)

    def switch_view(self) -> None:
        """Calls, both, words, and around again."""
        self._form = _FORMS[(_FORMS.index(self._form) + 1) % len(_FORMS)]
        if self._seen is not None:
            self._make_rows()

    def on_resize(self) -> None:
        """There may be room for more in a row."""
        super().on_resize()
        if self._seen is not None:
            self._make_rows()

    def _make_rows(self) -> None:
        assert self._seen is not None
        calls = backtrace_rows(self._seen, self.chosen).lines
        width = max(1, self.scrollable_content_region.width)
        words = word_rows(self._seen, self._before, width=width).lines
        lines = {
            StackForm.CALLS: calls,
            StackForm.BOTH: (*calls, (), *words),
            StackForm.WORDS: words,
        }[self._form]
        self.set_rows(FixedRows(lines))
        self.subtitle = "" if self._form is StackForm.BOTH else self._form.value
