"""Where the value that was asked for comes from."""

from __future__ import annotations

from typing import ClassVar

from replay.player.origins import Origin
from replay.tui.model.why import NOTHING_ASKED, why_rows
from replay.tui.widgets.pane import Pane


class WhyPane(Pane):
    """The last answer to `why`."""

    NAME: ClassVar[str] = "why"
    TITLE: ClassVar[str] = "Why"
    KEY: ClassVar[str] = "Y"
    ABOUT: ClassVar[str] = "where a value comes from: each write, and the call that brought it"

    def on_mount(self) -> None:
        """How to ask."""
        super().on_mount()
        self.set_rows(NOTHING_ASKED)

    def show_origin(self, origin: Origin, label: str) -> None:
        """An answer."""
        self.set_rows(why_rows(origin, label), cursor=0)
        self.subtitle = label
