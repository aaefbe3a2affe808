"""Asking: where values come from, what they are, and what is around."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from replay.player.expressions import parse_memory, parse_value
from replay.player.origins import find_origin
from replay.player.whereabouts import InMemory, InRegister, Where
from replay.tui.desk import Desk, Handler, Refusal, count_of
from replay.tui.explorer import Explorer
from replay.tui.handlers.following import show_code, show_memory
from replay.tui.handlers.info import answer_info
from replay.tui.model.aims import checked_display
from replay.tui.model.rows import ToMemory
from replay.tui.model.watches import formatted
from replay.tui.widgets.stack_pane import StackPane
from replay.tui.widgets.why_pane import WhyPane

_FORMAT = re.compile(r"^/\w+\s*")
_DIGITS_MAX = 10
_NO_VALUE = "no value is under the cursor: name one, as in `{} $rax` or `{} total`"


class Asking:
    """The handlers of all verbs that ask and change nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> Mapping[str, Handler]:
        """By command."""
        return {
            "why": self._why,
            "last": self._last,
            "print": self._print,
            "x": self._examine,
            "backtrace": self._backtrace,
            "frame": self._frame,
            "up": partial(self._frames, 1),
            "down": partial(self._frames, -1),
            "list": self._list,
            "info": self._info,
        }

    async def _why(self, argument: str) -> None:
        desk, what = self._desk, self._under_cursor("why", argument)
        origin = await desk.ask(
            f"why {argument}".strip(),
            lambda explorer: find_origin(
                explorer.timeline,
                explorer.symbols,
                what or whereabouts(explorer, argument),
                cancelled=desk.is_cancelling,
            ),
        )
        pane = desk.reveal(WhyPane.NAME)
        assert isinstance(pane, WhyPane)
        pane.show_origin(origin, argument)

    async def _last(self, argument: str) -> None:
        what = self._under_cursor("last", argument)
        await self._desk.travel(
            f"last write {argument}".strip(),
            lambda explorer: explorer.last_write_of(what or whereabouts(explorer, argument)),
        )

    def _under_cursor(self, command: str, argument: str) -> Where | None:
        """The value under the cursor where none is named."""
        if argument:
            return None
        value = self._desk.pane.value()
        if value is None:
            raise Refusal(_NO_VALUE.format(command, command))
        if isinstance(value, ToMemory):
            return InMemory(value.address, value.size)
        return InRegister(value.name)

    async def _print(self, argument: str) -> None:
        if not argument:
            raise Refusal("print wants an expression, as in `print total` or `print/x $rdi + 8`")
        self._desk.answer(
            await self._desk.ask(f"print {argument}", lambda explorer: printed(explorer, argument))
        )

    async def _examine(self, argument: str) -> None:
        text = _FORMAT.sub("", argument)
        if not text:
            raise Refusal("x wants an address, as in `x $rsp` or `x &total`")
        address = await self._desk.ask(
            f"x {text}",
            lambda explorer: parse_value(text, explorer.symbols)(explorer.timeline),
        )
        show_memory(self._desk, address)

    async def _backtrace(self, _: str) -> None:
        self._desk.reveal(StackPane.NAME)

    async def _frame(self, argument: str) -> None:
        if argument and not (argument.isdecimal() and len(argument) < _DIGITS_MAX):
            raise Refusal(f"{argument[:20]!r} is not a frame's number; 0 is the innermost")
        await self._desk.select_frame(int(argument or 0))

    async def _frames(self, step: int, argument: str) -> None:
        stack = self._desk.panes[StackPane.NAME]
        assert isinstance(stack, StackPane)
        await self._desk.select_frame(stack.chosen + step * count_of(argument))

    async def _list(self, argument: str) -> None:
        if not argument:
            show_code(self._desk, None)
            return
        addresses = await self._desk.ask(
            f"list {argument}", lambda explorer: explorer.addresses_of(argument)
        )
        show_code(self._desk, addresses[0])

    async def _info(self, argument: str) -> None:
        await answer_info(self._desk, argument)


def printed(explorer: Explorer, text: str) -> str:
    """The value of an expression in words; raises what parsing and reading raise."""
    expression, form = checked_display(text, explorer.symbols)
    value = parse_value(expression, explorer.symbols)(explorer.timeline)
    shown = formatted(value, form, explorer.timeline, explorer.symbols)
    return f"{expression} = {shown}"


def whereabouts(explorer: Explorer, text: str) -> Where:
    """What an expression names, as the guest stands: a register or memory; raises
    ``BadExpression``."""
    name = text.strip().removeprefix("$").lower()
    if text.strip().startswith("$") and name in explorer.timeline.registers():
        return InRegister(name, 16 if name.startswith("xmm") else 8)
    memory = parse_memory(text, explorer.symbols)
    return InMemory(memory.address(explorer.timeline), memory.size)
