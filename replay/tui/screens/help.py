"""The list of all that can be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from replay.tui.model.rows import FixedRows, Line, Role, Span
from replay.tui.verbs import GROUPS, Verb, key_names
from replay.tui.widgets.rows_view import RowsView

_KEYS_CELLS = 18
_COMMAND_CELLS = 30


class HelpScreen(ModalScreen[None]):
    """Keys and commands; it ends with Escape."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical {
        width: 90%; max-width: 110; height: 90%; border: round $primary; background: $surface;
    }
    HelpScreen Label { width: 1fr; color: $text-muted; padding: 0 1; height: 1; }
    HelpScreen RowsView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark,enter", "dismiss", "close", priority=True)
    ]

    def compose(self) -> ComposeResult:
        """The list, and how to leave it."""
        with Vertical() as frame:
            frame.border_title = "Keys and commands"
            yield RowsView(id="help-rows")
            yield Label("Esc closes · type : and a command, abbreviated as in gdb", markup=False)

    def on_mount(self) -> None:
        """The list is the same every time."""
        view = self.query_one("#help-rows", RowsView)
        view.set_rows(FixedRows(tuple(help_lines())))
        view.focus()


def help_lines() -> Iterator[Line]:
    """All verbs with their keys, and what moves in lists."""
    for group in GROUPS:
        yield (Span(group.title, Role.TITLE),)
        for verb in group.verbs:
            yield verb_line(verb)
        yield ()
    yield (Span("In every pane", Role.TITLE),)
    for keys, about in _LISTS:
        yield (Span(f"  {keys:<{_KEYS_CELLS}}", Role.MARK), Span(about))


def verb_line(verb: Verb) -> Line:
    """One verb."""
    keys = " ".join(key_names(verb))
    command = f":{verb.command} {verb.usage}".rstrip()
    gap = " " * max(1, _COMMAND_CELLS - len(command))
    return (
        Span(f"  {keys:<{_KEYS_CELLS}}", Role.MARK),
        Span(command, Role.NAME),
        Span(f"{gap}{verb.about}"),
    )


_LISTS = (
    ("1 … 9 0 Y o", "go to a pane; Tab and Shift+Tab go round"),
    ("↑ ↓ PgUp PgDn", "move the cursor; Home and End to the ends; ← → sideways"),
    (
        "Enter, click",
        "go to what is under the cursor: an event, code, memory, a register's last write",
    ),
    ("Ctrl+P", "all commands in a palette"),
    ("Ctrl+Q", "quit"),
)
