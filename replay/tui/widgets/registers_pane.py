"""The registers of the guest, or of the frame that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.registers import (
    OPEN_AT_FIRST,
    RegisterRows,
    RegistersSeen,
    Section,
    look_at_registers,
    register_rows,
    registers_seen,
)
from replay.tui.widgets.pane import Look, Pane


class RegistersPane(Pane):
    """All registers, those that changed since the last stop marked."""

    NAME: ClassVar[str] = "registers"
    TITLE: ClassVar[str] = "Registers"
    KEY: ClassVar[str] = "3"
    ABOUT: ClassVar[str] = "registers; Enter goes to the last write of one"

    def __init__(self) -> None:
        super().__init__()
        self._opened = OPEN_AT_FIRST
        self._seen: RegistersSeen | None = None
        self._seen_innermost: RegistersSeen | None = None
        self._frame: Mapping[str, int] | None = None
        self._before: RegistersSeen | None = None
        self._position: Position | None = None
        self._shown: RegisterRows | None = None

    def look(self) -> Look:
        """All registers and what their values mean."""

        frame, position = self._frame, self._position

        def look(explorer: Explorer) -> RegistersSeen:
            if frame and explorer.timeline.position == position:
                return registers_seen(explorer.timeline, explorer.symbols, frame)
            return look_at_registers(explorer.timeline, explorer.symbols)

        return look

    def choose_frame(self, number: int, registers: Mapping[str, int]) -> None:
        """Look at the registers of a call on the stack, 0 the innermost."""
        self._frame = registers if number else None
        self.subtitle = f"of frame {number}" if number else ""
        self.post_message(self.WantsLook(self))

    def display_seen(self, moment: Moment, seen: object) -> None:
        """What has changed since the guest stood elsewhere is marked."""
        assert isinstance(seen, RegistersSeen)
        if moment.position != self._position:
            self._before, self._position = self._seen_innermost, moment.position
            self._frame, self.subtitle = None, ""
        self._seen = seen
        if self._frame is None:
            self._seen_innermost = seen
        self._make_rows()

    def on_resize(self) -> None:
        """There may be room for more in a row."""
        super().on_resize()
        if self._seen is not None:
            self._make_rows()

    def switch_view(self) -> None:
        """Open all sections, or only the first again."""
        everything = frozenset(Section)
        self._opened = OPEN_AT_FIRST if self._opened == everything else everything
        if self._seen is not None:
            self._make_rows()

    def action_choose(self) -> None:
        """Open or close the section under the cursor, or follow a register."""
        section = self._shown.title_of(self.cursor) if self._shown is not None else None
        if section is None:
            super().action_choose()
            return
        self._opened ^= {section}
        self._make_rows()

    def _make_rows(self) -> None:
        assert self._seen is not None
        width = self.scrollable_content_region.width
        before = self._before if self._frame is None else self._seen_innermost
        self._shown = register_rows(self._seen, before, width=max(width, 1), opened=self._opened)
        self.set_rows(self._shown)
