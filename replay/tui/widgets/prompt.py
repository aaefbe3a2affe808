"""The line in which commands and what is looked for are typed, with a history for each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label

_HISTORY_MAX = 200
_REPLACED = "&"
"""Prefixes whose line comes with what it was before, which the first letter replaces."""

Complete = Callable[[str, str], Sequence[str]]
"""What a text behind a prefix may be completed to, the likeliest first."""


class Prompt(Horizontal):
    """Hidden until it is opened; Enter gives ``Entered``, Escape closes it."""

    DEFAULT_CSS = """
    Prompt { height: 1; dock: bottom; display: none; background: $panel; }
    Prompt Label { width: auto; color: $text-warning; text-style: bold; }
    Prompt Input { border: none; height: 1; padding: 0; background: $panel; width: 1fr; }
    Prompt Input:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
    ]

    @dataclass
    class Entered(Message):
        """A line was typed."""

        prefix: str
        text: str

    @dataclass
    class Closed(Message):
        """The line is gone; the focus may go back to where it was."""

    def __init__(self, complete: Complete) -> None:
        super().__init__(id="prompt")
        self._complete = complete
        self._label = Label("", markup=False)
        self._input = Input(compact=True, suggester=_Suggester(self), select_on_focus=False)
        self._history: defaultdict[str, list[str]] = defaultdict(list)
        self._recalled = 0
        self._candidates: Sequence[str] = ()
        self._completed: str | None = None
        self._opening = False
        self.prefix = ""

    def compose(self) -> ComposeResult:
        """The prefix and what is typed."""
        yield self._label
        yield self._input

    def open(self, prefix: str, text: str = "") -> None:
        """Let the user type."""
        self.prefix = prefix
        self._recalled = len(self._history[prefix])
        self._completed = None
        self._label.update(prefix)
        self._input.value = text
        self._input.cursor_position = len(text)
        if prefix in _REPLACED and text:
            self._input.select_all()
        self.display = self._opening = True
        self.screen.set_focus(self._input)  # at once: the next key is for it

    def close(self) -> None:
        """Hide it."""
        if self.display:
            self.display = False
            self.post_message(self.Closed())

    def completions(self, text: str) -> Sequence[str]:
        """What ``text`` may be completed to: what was typed before, and what there is."""
        past = [line for line in reversed(self._history[self.prefix]) if line.startswith(text)]
        return [*self._complete(self.prefix, text), *past] if text else past

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        text, history = event.value, self._history[self.prefix]
        if text and (not history or history[-1] != text):
            history.append(text)
            del history[:-_HISTORY_MAX]
        self.close()
        self.post_message(self.Entered(self.prefix, text))

    def on_descendant_focus(self) -> None:
        """It is really open."""
        self._opening = False

    def on_descendant_blur(self) -> None:
        """Whoever clicks elsewhere has done with it; not so who opens it just after it was closed,
        which is told only now, nor who looks at another window."""
        if self.app.app_focus and not self._opening:
            self.close()

    def action_close(self) -> None:
        """Escape."""
        self.close()

    def action_recall(self, by: int) -> None:
        """An earlier line, or a later one."""
        history = self._history[self.prefix]
        self._recalled = max(0, min(self._recalled + by, len(history)))
        text = history[self._recalled] if self._recalled < len(history) else ""
        self._input.value = text
        self._input.cursor_position = len(text)

    def action_complete(self) -> None:
        """As far as all candidates go on in the same way, and then one after the other."""
        value = self._input.value
        goes_on = value == self._completed
        found = self._candidates if goes_on else self._complete(self.prefix, value)
        if found:
            text = _common_beginning(found)
            if goes_on or len(text) <= len(value):
                text = found[(found.index(value) + 1) % len(found)] if value in found else found[0]
            self._candidates, self._completed = found, text
            self._input.value = text
            self._input.cursor_position = len(text)


class _Suggester(Suggester):
    def __init__(self, prompt: Prompt) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        found = self._prompt.completions(value)
        return found[0] if found else None


def _common_beginning(words: Sequence[str]) -> str:
    shortest = min(words, key=len)
    for index, letter in enumerate(shortest):
        if any(word[index] != letter for word in words):
            return shortest[:index]
    return shortest
