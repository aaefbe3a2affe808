"""One row of styled text."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from replay.tui.model.rows import Line, Role, Target
from replay.tui.theme import role_styles
from replay.tui.widgets.rows_view import span_at


class LineView(Widget):
    """A line that is set from outside; a click on a piece that stands for something tells so."""

    DEFAULT_CSS = """
    LineView { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    @dataclass
    class Chosen(Message):
        """A piece of the line was clicked."""

        target: Target

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._line: Line = ()
        self._styles = role_styles({})

    def on_mount(self) -> None:
        """Themes may change while it is there."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._restyle())
        self._restyle()

    @property
    def line(self) -> Line:
        """What is shown."""
        return self._line

    @line.setter
    def line(self, line: Line) -> None:
        if line != self._line:
            self._line = line
            self.refresh()

    def render(self) -> Text:
        """The line; see ``textual.widget.Widget``."""
        text = Text(end="")
        for span in self._line:
            text.append(span.text, None if span.role is Role.TEXT else self._styles[span.role])
        return text

    def on_click(self, event: events.Click) -> None:
        """Follow what was clicked."""
        offset = event.get_content_offset(self)
        span = None if offset is None else span_at(self._line, offset.x)
        if span is not None and span.target is not None:
            self.post_message(self.Chosen(span.target))

    def _restyle(self) -> None:
        self._styles = role_styles(self.app.theme_variables)
        self.refresh()
