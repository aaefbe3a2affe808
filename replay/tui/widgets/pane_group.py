"""Panes in one place of the screen: the title of each in a line, and one of them below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from replay.tui.widgets.pane import Pane


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
        & > .titles--active { color: $text; text-style: bold underline; }
        & > .titles--focused { background: $primary; color: $text; text-style: bold; }
        & > .titles--subtitle { color: $text-muted; }
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


class PaneGroup(Vertical):
    """Some panes, of which one is seen."""

    DEFAULT_CSS = """
    PaneGroup { height: 1fr; width: 1fr; }
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

    def compose(self) -> ComposeResult:
        """The titles, and all panes."""
        yield self._titles
        for pane in self.panes:
            pane.display = pane is self.active
            yield pane

    def activate(self, pane: Pane) -> None:
        """See a pane of this group."""
        if pane is self.active:
            return
        self.active.display = False
        self.active = pane
        pane.display = True
        self._titles.refresh()
        self.post_message(self.Switched(pane))

    def on_pane_retitled(self) -> None:
        """A title has changed."""
        self._titles.refresh()

    def on_descendant_focus(self) -> None:
        """The focus shows in the titles."""
        self._titles.refresh()

    def on_descendant_blur(self) -> None:
        """The focus shows in the titles."""
        self._titles.refresh()
