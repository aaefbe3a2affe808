"""One pane: rows about one side of the guest, and what may be asked of them."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.message import Message

from replay.tui.explorer import Explorer, Moment, Trouble
from replay.tui.model.event_lists import Events
from replay.tui.model.rows import FixedRows, Role, ToMemory, ToRegister, message, plain
from replay.tui.undertaking import Undertaking
from replay.tui.widgets.rows_view import RowsView

Look = Callable[[Explorer], object]
"""What a pane wants to know of the guest: asked in the timeline's thread, told in plain data."""

_TROUBLE_CELLS_MIN = 20
_SLICE_S = 0.008
"""How long a search may keep the screen waiting at a time."""


class Pane(RowsView):
    """What all panes share. A pane has a name that commands use, a title, and a key."""

    NAME: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""

    @dataclass
    class WantsLook(Message):
        """The pane wants to see something else of the guest as it stands."""

        pane: Pane

    @dataclass
    class Retitled(Message):
        """The pane's subtitle is another one now."""

        pane: Pane

    def __init__(self) -> None:
        super().__init__(id=self.NAME)
        self._subtitle = ""

    @property
    def subtitle(self) -> str:
        """What the pane shows just now, in a few words."""
        return self._subtitle

    @subtitle.setter
    def subtitle(self, text: str) -> None:
        if text != self._subtitle:
            self._subtitle = text
            self.post_message(self.Retitled(self))

    @property
    def events(self) -> Events | None:
        """What the next and the previous event are looked for among; ``None``: all there are."""
        return None

    def look(self) -> Look | None:
        """What is to be asked for at every stop; ``None`` where the moment alone is enough."""
        return None

    def show_trouble(self, trouble: Trouble) -> None:
        """There is no guest to look at."""
        if self.look() is not None:
            width = max(_TROUBLE_CELLS_MIN, self.scrollable_content_region.width)
            self.set_rows(message("\n".join(textwrap.wrap(trouble.text, width)), Role.BAD))

    def show(self, moment: Moment) -> None:
        """The guest stands somewhere else, or something else was looked at."""
        seen = moment.seen.get(self.NAME)
        if isinstance(seen, Trouble):
            self.set_rows(message(seen.text, Role.BAD))
        elif seen is not None:
            self.display_seen(moment, seen)

    def display_seen(self, moment: Moment, seen: object) -> None:
        """Make rows of what ``look`` has found."""
        raise NotImplementedError(f"{type(self).__name__} looks at things and does not show them")

    def show_news(self) -> None:
        """More is known of the recording as a whole."""

    def detail(self) -> FixedRows | None:
        """More about the row under the cursor, where there is room beside the pane."""
        return None

    def value(self) -> ToMemory | ToRegister | None:
        """The value under the cursor."""
        for target in self.span_targets:
            if isinstance(target, ToMemory | ToRegister):
                return target
        return None

    def switch_view(self) -> None:
        """Show the same in another way, where there is one."""

    def switch_time(self) -> None:
        """Show other times, where there are any."""

    async def find(self, text: str, step: int, work: Undertaking) -> bool:
        """Put the cursor on the next row (``step`` 1) or the one before (-1) that has ``text`` in
        it, whatever its case; whether there was one. The screen stays alive meanwhile."""
        wanted = text.casefold()
        row, count = self.cursor + step, len(self.rows)
        until = time.monotonic() + _SLICE_S
        while 0 <= row < count:
            if wanted in plain(self.rows.line(row)).casefold():
                self.move_cursor(row)
                self.post_message(self.CursorMoved(self, row))
                return True
            row += step
            if time.monotonic() > until:
                work.fraction = row / count
                await asyncio.sleep(0)
                if work.is_cancelled:
                    break
                until = time.monotonic() + _SLICE_S
        return False
