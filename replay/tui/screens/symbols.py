"""Functions and variables by name, found as one types."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from replay.tui.model.rows import Target
from replay.tui.model.symbol_search import SymbolNames, SymbolRows
from replay.tui.widgets.rows_view import RowsView

_NOTHING = "nothing has such a name · inlined everywhere? :list NAME"


class SymbolScreen(ModalScreen[Target | None]):
    """Ends with what was chosen, or ``None``."""

    DEFAULT_CSS = """
    SymbolScreen { align: center middle; }
    SymbolScreen > Vertical {
        width: 80%; max-width: 90; height: 70%; border: round $primary; background: $surface;
    }
    SymbolScreen Input { border: none; height: 1; background: $panel; }
    SymbolScreen RowsView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("up", "cursor(-1)", show=False, priority=True),
        Binding("down", "cursor(1)", show=False, priority=True),
    ]

    def __init__(self, names: SymbolNames, text: str) -> None:
        super().__init__()
        self._names = names
        self._text = text
        self._found = SymbolRows(())

    def compose(self) -> ComposeResult:
        """What is looked for, and what was found."""
        with Vertical() as frame:
            frame.border_title = "Functions and variables"
            yield Input(self._text, placeholder="a part of a name", compact=True)
            yield RowsView(id="symbol-rows")

    def on_mount(self) -> None:
        """As for what was typed before."""
        self._search(self._text)
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Something else is looked for."""
        self._search(event.value)

    def on_input_submitted(self) -> None:
        """The row under the cursor is meant."""
        targets = self.query_one(RowsView).span_targets
        self.dismiss(targets[0] if targets else None)

    def on_rows_view_chosen(self, event: RowsView.Chosen) -> None:
        """A row was clicked."""
        event.stop()
        self.dismiss(event.target)

    def action_leave(self) -> None:
        """Nothing is meant."""
        self.dismiss(None)

    def action_cursor(self, by: int) -> None:
        """Another row."""
        self.query_one(RowsView).action_cursor(by)

    def _search(self, text: str) -> None:
        self._found = SymbolRows(self._names.search(text))
        is_in_vain = bool(text.strip()) and not self._found
        self.query_one(Vertical).border_subtitle = _NOTHING if is_in_vain else ""
        self.query_one(RowsView).set_rows(self._found, cursor=0)
