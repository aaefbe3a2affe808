"""A list of rows of any length, of which only those on the screen are made.

There is a cursor; Enter or a click on a piece of text that stands for something gives ``Chosen``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from replay.tui.model.rows import FixedRows, Line, Role, Rows, Span, Target
from replay.tui.theme import role_styles

_STRIPS_MAX = 1024
_SHIFT_CELLS = 8
_SHIFT_MAX = 4096

__all__ = ["RowsView"]


class RowsView(ScrollView, can_focus=True):
    """Shows ``Rows``; ``set_rows`` changes them, ``invalidate`` says that they have changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--blurred-cursor"}
    DEFAULT_CSS = """
    RowsView {
        background: $surface;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & > .rows--cursor { background: $primary-muted; text-style: bold; }
        & > .rows--blurred-cursor { background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", show=False),
        Binding("down,j", "cursor(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("left", "shift(-1)", show=False),
        Binding("right", "shift(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """A piece of text was clicked, or Enter pressed on a row with something to go to."""

        view: RowsView
        target: Target

        @property
        def control(self) -> RowsView:
            """See ``textual.message.Message``."""
            return self.view

    @dataclass
    class CursorMoved(Message):
        """The cursor is on another row now, by the user's hand."""

        view: RowsView
        row: int

        @property
        def control(self) -> RowsView:
            """See ``textual.message.Message``."""
            return self.view

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.rows: Rows = FixedRows()
        self.cursor = 0
        self._shift = 0
        self._strips: OrderedDict[tuple[int, bool], Strip] = OrderedDict()
        self._styles = role_styles({})

    def compose(self) -> ComposeResult:
        """No parts."""
        yield from ()

    def on_mount(self) -> None:
        """Themes may change while it is there."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._restyle())
        self._restyle()

    # ---- content

    def set_rows(self, rows: Rows, *, cursor: int | None = None) -> None:
        """Show other rows; the cursor stays where it is, or goes to row ``cursor``."""
        self.rows = rows
        if cursor is not None:
            self.cursor = cursor
        self.invalidate()
        if cursor is not None:
            self.reveal(cursor)

    def invalidate(self) -> None:
        """The rows, or their number, are others now."""
        self._strips.clear()
        count = len(self.rows)
        self.cursor = max(0, min(self.cursor, count - 1))
        size = Size(self.scrollable_content_region.width, count)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def reveal(self, row: int, *, centre: bool = False) -> None:
        """Scroll until a row is seen, in the middle if it was not."""
        height = max(1, self.scrollable_content_region.height)
        top = self.scroll_offset.y
        if top <= row < top + height and not centre:
            return
        self.scroll_to(y=max(0, row - height // 2), animate=False, force=True)

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row and show it."""
        before, self.cursor = self.cursor, max(0, min(row, len(self.rows) - 1))
        self._repaint(before)
        self._repaint(self.cursor)
        self._keep_in_sight()

    @property
    def span_targets(self) -> list[Target]:
        """What the row under the cursor leads to."""
        if not len(self.rows):
            return []
        return [span.target for span in self.rows.line(self.cursor) if span.target is not None]

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        """One row of the screen; see ``textual.widget.Widget``."""
        row = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if row >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        is_cursor = row == self.cursor
        key = (row, is_cursor)
        strip = self._strips.get(key)
        if strip is None or strip.cell_length != width:
            strip = self._strip(row, width, is_cursor=is_cursor)
            self._strips[key] = strip
            if len(self._strips) > _STRIPS_MAX:
                self._strips.popitem(last=False)
        return strip

    def _strip(self, row: int, width: int, *, is_cursor: bool) -> Strip:
        base = self.rich_style
        if is_cursor:
            name = "rows--cursor" if self.has_focus else "rows--blurred-cursor"
            base += self.get_component_rich_style(name, partial=True)
        segments = [Segment(span.text, self._style(base, span)) for span in self.rows.line(row)]
        strip = Strip(segments).crop(self._shift, self._shift + width)
        return strip.extend_cell_length(width, base).apply_style(Style())

    def _style(self, base: Style, span: Span) -> Style:
        return base if span.role is Role.TEXT else base + self._styles[span.role]

    def _restyle(self) -> None:
        self._styles = role_styles(self.app.theme_variables)
        self.invalidate()

    def notify_style_update(self) -> None:
        """Colours of the widget itself are others; see ``textual.widget.Widget``."""
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        """The rows are as wide as the widget."""
        self.invalidate()
        self._keep_in_sight()

    def on_focus(self) -> None:
        """The cursor looks different."""
        self._strips.clear()
        self.refresh()

    def on_blur(self) -> None:
        """The cursor looks different."""
        self.on_focus()

    def _repaint(self, row: int) -> None:
        y = row - self.scroll_offset.y
        self.refresh(Region(0, y, self.size.width, 1))

    def _keep_in_sight(self) -> None:
        height = max(1, self.scrollable_content_region.height)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    # ---- keys and mouse

    def action_cursor(self, by: int) -> None:
        """The cursor up or down."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self._go(self.cursor + by * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, which: int) -> None:
        """To the first or last row."""
        self._go(0 if which < 0 else len(self.rows) - 1)

    def action_shift(self, by: int) -> None:
        """Sideways, for rows that are wider than the pane."""
        self._shift = max(0, min(self._shift + by * _SHIFT_CELLS, _SHIFT_MAX))
        self._strips.clear()
        self.refresh()

    def action_choose(self) -> None:
        """Follow the first piece of the row that leads somewhere."""
        targets = self.span_targets
        if targets:
            self.post_message(self.Chosen(self, targets[0]))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there, and follow what was clicked."""
        offset = event.get_content_offset(self)
        if offset is None or (row := self.scroll_offset.y + offset.y) >= len(self.rows):
            return
        self._go(row)
        span = span_at(self.rows.line(row), offset.x + self._shift)
        if span is not None and span.target is not None:
            self.post_message(self.Chosen(self, span.target))

    def _go(self, row: int) -> None:
        before = self.cursor
        self.move_cursor(row)
        if self.cursor != before:
            self.post_message(self.CursorMoved(self, self.cursor))


def span_at(line: Line, cell: int) -> Span | None:
    """The piece of a row that covers a cell, counted from the row's first."""
    for span in line:
        cell -= cell_len(span.text)
        if cell < 0:
            return span
    return None
