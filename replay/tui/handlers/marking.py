"""Breakpoints, watches, displays, bookmarks, notes and numbered checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from replay.engines.ports import Access
from replay.machine.position import Position
from replay.player.notebook import BadNotebook, Notebook
from replay.tui.desk import Desk, Handler, Refusal
from replay.tui.explorer import Explorer
from replay.tui.model.aims import check_condition, checked_display, new_break, new_watch
from replay.tui.model.points import Display, Points
from replay.tui.model.rows import ToMemory
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.watches_pane import WatchesPane

_NAME_CHARS_MAX = 64
_NOTE_CHARS_MAX = 4096
_Change = Callable[[Explorer], Points]


class Marking:
    """The handlers of all verbs that mark something."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> Mapping[str, Handler]:
        """By command."""
        return {
            "break": self._break,
            "tbreak": self._tbreak,
            "watch": partial(self._watch, Access.WRITE),
            "rwatch": partial(self._watch, Access.READ),
            "awatch": partial(self._watch, Access.READ_WRITE),
            "display": self._display,
            "undisplay": self._undisplay,
            "condition": self._condition,
            "delete": self._delete,
            "enable": partial(self._enable, True),
            "disable": partial(self._enable, False),
            "bookmark": self._bookmark,
            "forget": self._forget,
            "note": self._note,
            "checkpoint": self._checkpoint,
            "restart": self._restart,
        }

    # ---- breakpoints, watches, displays

    async def _break(self, argument: str) -> None:
        if argument:
            await self._add_break(argument)
            return
        code = self._desk.panes[CodePane.NAME]
        assert isinstance(code, CodePane)
        place, addresses = code.place_under_cursor(), code.addresses_under_cursor()
        if not place or not addresses:
            raise Refusal("there is no code under the cursor in the code pane")
        if self._points().at(addresses):
            await self._change(lambda explorer: _without_at(explorer.points, addresses))
        else:
            await self._add_break(place)

    async def _tbreak(self, argument: str) -> None:
        if not argument:
            raise Refusal("tbreak wants a place, as in `tbreak main.c:120`")
        await self._add_break(argument, temporary=True)

    async def _add_break(self, text: str, *, temporary: bool = False) -> None:
        await self._change(
            lambda explorer: explorer.points.with_point(
                new_break(text, explorer.symbols, explorer.timeline, temporary=temporary)
            )
        )
        point = self._points().points[-1]
        self._desk.answer(f"breakpoint {point.number} at {text}")

    async def _watch(self, access: Access, argument: str) -> None:
        text = argument or self._memory_under_cursor()
        await self._change(
            lambda explorer: explorer.points.with_point(
                new_watch(text, explorer.symbols, explorer.timeline, access)
            )
        )
        point = self._points().points[-1]
        self._desk.answer(f"watch {point.number} of {text}")

    def _memory_under_cursor(self) -> str:
        value = self._desk.pane.value()
        if not isinstance(value, ToMemory):
            raise Refusal("no memory is under the cursor: name some, as in `watch total`")
        return f"u{8 * value.size}[{value.address:#x}]"

    async def _display(self, argument: str) -> None:
        if not argument:
            self._desk.prompt(":", "display ")
            return

        def change(explorer: Explorer) -> Points:
            return explorer.points.with_display(*checked_display(argument, explorer.symbols))

        await self._change(change)
        self._desk.reveal(WatchesPane.NAME)

    async def _delete(self, argument: str) -> None:
        if not argument:
            await self._delete_under_cursor()
            return
        numbers = _numbers(argument)

        def change(explorer: Explorer) -> Points:
            points = explorer.points
            for number in numbers:
                points = points.without(number)
            return points

        await self._change(change)

    async def _delete_under_cursor(self) -> None:
        pane = self._desk.panes[WatchesPane.NAME]
        assert isinstance(pane, WatchesPane)
        point = pane.under_cursor() if self._desk.pane is pane else None
        if point is None:
            raise Refusal("delete wants a number, or a row of the watches pane to be chosen")
        number, is_display = point.number, isinstance(point, Display)
        await self._change(
            lambda explorer: (
                explorer.points.without_display(number)
                if is_display
                else explorer.points.without(number)
            )
        )

    async def _undisplay(self, argument: str) -> None:
        numbers = _numbers(argument)

        def change(explorer: Explorer) -> Points:
            points = explorer.points
            for number in numbers:
                points = points.without_display(number)
            return points

        await self._change(change)

    async def _condition(self, argument: str) -> None:
        word, _, condition = argument.partition(" ")
        numbers = _numbers(word)
        if len(numbers) != 1:
            raise Refusal("condition wants a number, as in `condition 2 total > 100`")
        await self._change(
            lambda explorer: explorer.points.conditioned(
                numbers[0], check_condition(condition, explorer.symbols)
            )
        )

    async def _enable(self, to: bool, argument: str) -> None:
        numbers = _numbers(argument)

        def change(explorer: Explorer) -> Points:
            points = explorer.points
            for number in numbers:
                points = points.enabled(number, to=to)
            return points

        await self._change(change)

    async def _change(self, change: _Change) -> None:
        await self._desk.ask("breakpoints", lambda explorer: explorer.set_points(change(explorer)))
        await self._desk.look_again()

    def _points(self) -> Points:
        moment = self._desk.moment
        return Points() if moment is None else moment.points

    # ---- bookmarks, notes, checkpoints

    async def _bookmark(self, argument: str) -> None:
        if not argument:
            self._desk.prompt(":", "bookmark ")
            return
        taken = self._desk.recording.places.is_taken(argument)
        if not argument.isidentifier() or len(argument) > _NAME_CHARS_MAX or taken:
            raise Refusal(f"no name for a bookmark: {argument!r} (letters and digits)")
        here = self._here()
        await self._write(lambda book: book.bookmarks.update({argument: here}))
        self._desk.say(f"bookmark {argument} at {here}")

    async def _forget(self, argument: str) -> None:
        book, here = self._desk.recording.notebook, self._here()
        if argument and argument in book.bookmarks:
            await self._write(lambda book: book.bookmarks.pop(argument))
        elif argument:
            raise Refusal(f"there is no bookmark {argument!r}")
        elif here in book.notes:
            await self._write(lambda book: book.notes.pop(here))
        else:
            raise Refusal(f"there is no note at {here}")

    async def _note(self, argument: str) -> None:
        here = self._here()
        if not argument:
            self._desk.prompt(":", f"note {self._desk.recording.notebook.notes.get(here, '')}")
            return
        if len(argument) > _NOTE_CHARS_MAX or not argument.isprintable():
            raise Refusal(f"a note is one line of at most {_NOTE_CHARS_MAX} characters")
        await self._write(lambda book: book.notes.update({here: argument}))

    async def _write(self, change: Callable[[Notebook], object]) -> None:
        try:
            self._desk.recording.change_notebook(change)
        except BadNotebook as error:
            raise Refusal(str(error)) from error
        self._show_marks()

    async def _checkpoint(self, _: str) -> None:
        here = self._here()
        number = self._desk.recording.places.keep(here)
        self._desk.answer(f"checkpoint {number} at {here}; `restart {number}` comes back")
        self._show_marks()

    async def _restart(self, argument: str) -> None:
        text = f"c{argument.removeprefix('c')}" if argument else "start"
        place = self._desk.recording.place(text)
        await self._desk.travel(f"to {place}", lambda explorer: explorer.seek(place))

    def _show_marks(self) -> None:
        events = self._desk.panes[EventsPane.NAME]
        assert isinstance(events, EventsPane)
        events.show_marks()
        self._desk.show_marks()

    def _here(self) -> Position:
        moment = self._desk.moment
        if moment is None:
            raise Refusal("the guest has not booted yet")
        return moment.position


def _without_at(points: Points, addresses: tuple[int, ...]) -> Points:
    for point in points.at(addresses):
        points = points.without(point.number)
    return points


def _numbers(text: str) -> list[int]:
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() and len(word) < 10 for word in words):
        raise Refusal("a number is wanted; the watches pane (9) lists them")
    return [int(word) for word in words]
