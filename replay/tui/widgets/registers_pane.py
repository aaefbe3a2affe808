"""The registers of the guest, or of the frame that is looked at."""

from __future__ import annotations

from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.registers import (
    OPEN_AT_FIRST,
    RegisterRows,
    RegistersSeen,
    look_at_registers,
    register_rows,
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
        self._before: RegistersSeen | None = None
        self._position: Position | None = None
        self._shown: RegisterRows | None = None

    def look(self) -> Look:
        """All registers and what their values mean."""

        def look(explorer: Explorer) -> RegistersSeen:
            return look_at_registers(explorer.timeline, explorer.symbols)

        return look

    def display_seen(self, moment: Moment, seen: object) -> None:
        """What has changed since the guest stood elsewhere is marked."""
        assert isinstance(seen, RegistersSeen)
        if moment.position != self._position:
            self._before, self._position = self._seen, moment.position
        self._seen = seen
        self._make_rows()

    def on_resize(self) -> None:
        """There may be room for more in a row."""
        super().on_resize()
        if self._seen is not None:
            self._make_rows()

    def switch_view(self) -> None:
        """Open all sections, or only the first again."""
        everything = frozenset(type(next(iter(OPEN_AT_FIRST))))
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
        self._shown = register_rows(
            self._seen, self._before, width=max(width, 1), opened=self._opened
        )
        self.set_rows(self._shown)
