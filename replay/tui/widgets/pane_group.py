"""Panes in one place of the screen: the title of each in a line, and one of them below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget

from replay.tui.widgets.pane import Pane
from replay.tui.widgets.rows_view import RowsView

_COLUMNS_FOR_DETAIL = 110


class Titles(Widget):
    """The line of titles of a group."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "titles--active",
        "titles--focused",
        "titles--subtitle",
    }
    DEFAULT_CSS = """
    Titles {
        height: 1;
        background: $panel;
        color: $text-muted;
        & > .titles--active { color: $foreground; text-style: bold underline; }
        & > .titles--focused { background: $primary; color: $text; text-style: bold; }
        & > .titles--subtitle { color: $foreground-muted; }
    }
    """

    def __init__(self, group: PaneGroup) -> None:
        super().__init__()
        self._group = group

    def render(self) -> Text:
        """The titles; see ``textual.widget.Widget``."""
        text = Text(no_wrap=True, overflow="crop", end="")
        for pane, label in self._labels():
            text.append(label, self._style(pane))
        if subtitle := self._group.active.subtitle:
            style = self.get_component_rich_style("titles--subtitle", partial=True)
            text.append(f"  {subtitle}", style)
        return text

    def on_click(self, event: events.Click) -> None:
        """Show the pane whose title was clicked."""
        cell = event.x
        for pane, text in self._labels():
            cell -= len(text)
            if cell < 0:
                self._group.activate(pane)
                pane.focus()
                return

    def _labels(self) -> list[tuple[Pane, str]]:
        return [(pane, f" {pane.KEY} {pane.TITLE} ") for pane in self._group.panes]

    def _style(self, pane: Pane) -> Style:
        if pane is not self._group.active:
            return Style()
        name = "titles--focused" if pane.has_focus else "titles--active"
        return self.get_component_rich_style(name, partial=True)


class Detail(RowsView):
    """What there is to say of one row of a pane."""


class PaneGroup(Vertical):
    """Some panes, of which one is seen."""

    DEFAULT_CSS = """
    PaneGroup { height: 1fr; width: 1fr; }
    PaneGroup > Horizontal { height: 1fr; }
    PaneGroup RowsView { width: 1fr; height: 1fr; }
    PaneGroup > Horizontal > Detail { width: 45%; border-left: vkey $panel; display: none; }
    """

    @dataclass
    class Switched(Message):
        """Another pane is seen now."""

        pane: Pane

    def __init__(self, panes: Sequence[Pane], *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.panes = tuple(panes)
        self.active = self.panes[0]
        self._titles = Titles(self)
        self._detail = Detail()

    def compose(self) -> ComposeResult:
        """The titles, all panes, and what there is to say of one of their rows."""
        yield self._titles
        with Horizontal():
            for pane in self.panes:
                pane.display = pane is self.active
                yield pane
            yield self._detail

    def activate(self, pane: Pane) -> None:
        """See a pane of this group."""
        if pane is self.active:
            return
        self.active.display = False
        self.active = pane
        pane.display = True
        self._titles.refresh()
        self.show_detail()
        self.post_message(self.Switched(pane))

    def show_detail(self) -> None:
        """More about the row under the cursor, where there is room for it beside the pane."""
        detail = self.active.detail() if self.size.width >= _COLUMNS_FOR_DETAIL else None
        self._detail.display = detail is not None
        if detail is not None:
            self._detail.set_rows(detail)

    def on_rows_view_cursor_moved(self) -> None:
        """The detail is of the row under the cursor."""
        self.show_detail()

    def on_resize(self) -> None:
        """There may be room for the detail now."""
        self.show_detail()

    def on_pane_retitled(self) -> None:
        """A title has changed."""
        self._titles.refresh()

    def on_descendant_focus(self) -> None:
        """The focus shows in the titles."""
        self._titles.refresh()

    def on_descendant_blur(self) -> None:
        """The focus shows in the titles."""
        self._titles.refresh()
