"""The code around where the guest stands, or around another place that was asked for."""

from __future__ import annotations

from typing import ClassVar

from replay.machine.position import Position
from replay.tui.explorer import Explorer, Moment
from replay.tui.model.code import CodeSeen
from replay.tui.model.code_rows import CodeRows, CodeStyle, Form, code_rows
from replay.tui.widgets.pane import Look, Pane

_FORMS = (Form.SOURCE, Form.MIXED, Form.DISASSEMBLY)


class CodePane(Pane):
    """Source, disassembly, or both."""

    NAME: ClassVar[str] = "code"
    TITLE: ClassVar[str] = "Code"
    KEY: ClassVar[str] = "2"
    ABOUT: ClassVar[str] = "source and disassembly where the guest stands"

    def __init__(self) -> None:
        super().__init__()
        self._form = Form.SOURCE
        self._at: int | None = None
        self._seen: CodeSeen | None = None
        self._position: Position | None = None
        self._code_style = CodeStyle()
        self._code: CodeRows | None = None

    def look(self) -> Look:
        """The code around the place that is looked at."""
        at, position = self._at, self._position

        def look(explorer: Explorer) -> CodeSeen:
            has_moved = explorer.timeline.position != position
            return explorer.code.look(explorer.timeline, None if has_moved else at)

        return look

    def display_seen(self, moment: Moment, seen: object) -> None:
        """The current line in sight; where the guest stands elsewhere, that is looked at."""
        assert isinstance(seen, CodeSeen)
        stays = self._seen is not None and self._seen.at == seen.at
        if moment.position != self._position:
            self._at = None
        self._seen, self._position = seen, moment.position
        self._code_style = CodeStyle(moment.points.breaks())
        self._make_rows(stays=stays)

    def go_to(self, address: int | None) -> None:
        """Look at another place; ``None``: where the guest stands."""
        self._at = address
        self.post_message(self.WantsLook(self))

    def place_under_cursor(self) -> str:
        """What is under the cursor as a place to break at; empty where there is no code."""
        return self._code.place(self.cursor) if self._code is not None and len(self._code) else ""

    def switch_view(self) -> None:
        """Source, mixed, disassembly, and around again."""
        self._form = _FORMS[(_FORMS.index(self._form) + 1) % len(_FORMS)]
        if self._seen is not None:
            self._make_rows()

    def addresses_under_cursor(self) -> tuple[int, ...]:
        """The instruction that a breakpoint under the cursor would be at, if there is one."""
        if self._code is None or not len(self._code):
            return ()
        address = self._code.address(self.cursor)
        return () if address is None else (address,)

    def _make_rows(self, *, stays: bool = False) -> None:
        seen = self._seen
        assert seen is not None
        self._code = rows = code_rows(seen, self._form, self._code_style)
        self.set_rows(rows, cursor=None if stays else rows.current)
        file = seen.path.rpartition("/")[2]
        where = f"{file}:{seen.line}" if file else f"{seen.at:#x}"
        self.subtitle = " · ".join(
            part for part in (where, seen.function, self._form.value) if part
        )
