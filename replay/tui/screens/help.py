"""The list of all that can be done."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from replay.tui.model.rows import FixedRows, Line, Role, Span
from replay.tui.verbs import GROUPS, Verb, key_names
from replay.tui.widgets.rows_view import RowsView

_KEYS_CELLS = 14
_COMMAND_CELLS = 32
_COMMAND_CELLS_NARROW = 22
_WIDE_CELLS = 90
_ABOUT_CELLS_MIN = 10


class HelpScreen(ModalScreen[None]):
    """Keys and commands; it ends with Escape."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical {
        width: 96%; max-width: 110; height: 94%; border: round $primary; background: $surface;
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
        """Ready to be read."""
        self.query_one("#help-rows", RowsView).focus()

    def on_resize(self) -> None:
        """As wide as there is room for."""
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        view = self.query_one("#help-rows", RowsView)
        width = view.scrollable_content_region.width
        view.set_rows(FixedRows(tuple(help_lines(width))))


def help_lines(width: int) -> Iterator[Line]:
    """All verbs with their keys, and what moves in lists, in rows of ``width`` cells."""
    for group in GROUPS:
        yield (Span(group.title, Role.TITLE),)
        for verb in group.verbs:
            yield from verb_lines(verb, width)
        yield ()
    yield (Span("In every pane", Role.TITLE),)
    for keys, about in _LISTS:
        yield from _lines(keys, "", about, width)


def verb_lines(verb: Verb, width: int) -> Iterator[Line]:
    """One verb: its keys, what is typed, and what it does."""
    command = f":{verb.command} {verb.usage}".rstrip()
    yield from _lines(" ".join(key_names(verb)), command, verb.about, width)


def _lines(keys: str, command: str, about: str, width: int) -> Iterator[Line]:
    room = _COMMAND_CELLS if width >= _WIDE_CELLS else _COMMAND_CELLS_NARROW
    head = f"  {keys:<{_KEYS_CELLS}} "
    indent = len(head) + (room if command else 0)
    told = wrap(about, max(width - indent, _ABOUT_CELLS_MIN)) or [""]
    if len(command) >= room:  # it has a row of its own
        yield (Span(head, Role.MARK), Span(command, Role.NAME))
        head, command = " " * len(head), ""
        told = ["", *told]
        indent = len(head) + room
    else:
        gap = " " * (indent - len(head) - len(command))
        yield (Span(head, Role.MARK), Span(command, Role.NAME), Span(f"{gap}{told[0]}"))
    for line in told[1:]:
        yield (Span(f"{' ' * indent}{line}"),)


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
