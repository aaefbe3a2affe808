"""What becomes of a guest that is still being recorded."""

from __future__ import annotations

import enum
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from replay.tui.live import RecorderProcess


class Leaving(enum.Enum):
    """What the user wants."""

    STOP = "stop the guest and leave"
    KEEP = "leave it recording"
    STAY = "stay"


class LeavingScreen(ModalScreen[Leaving]):
    """Ends with what was chosen."""

    DEFAULT_CSS = """
    LeavingScreen { align: center middle; }
    LeavingScreen > Vertical {
        width: 60; max-width: 95%; height: auto; padding: 1 2;
        border: round $primary; background: $surface;
    }
    LeavingScreen Label { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "choose('STOP')", show=False, priority=True),
        Binding("l", "choose('KEEP')", show=False, priority=True),
        Binding("escape,q,ctrl+q,ctrl+c", "choose('STAY')", show=False, priority=True),
    ]

    def compose(self) -> ComposeResult:
        """The choices, each with its key."""
        with Vertical() as frame:
            frame.border_title = "The guest is still being recorded"
            yield Label("s    stop the guest and leave", markup=False)
            yield Label("l    leave it recording, without anybody looking", markup=False)
            yield Label("Esc  stay", markup=False)

    def action_choose(self, name: str) -> None:
        """A key was pressed."""
        self.dismiss(Leaving[name])


def leave_or_ask(app: App[int], recorder: RecorderProcess | None) -> None:
    """End the application; where a recorder of its own is still at work, ask first."""

    def leave(what: Leaving | None) -> None:
        if what is Leaving.KEEP and recorder is not None:
            recorder.release()
        if what in (Leaving.KEEP, Leaving.STOP):
            app.exit(0)

    if recorder is not None and recorder.status is None:
        app.push_screen(LeavingScreen(), leave)
    else:
        app.exit(0)
