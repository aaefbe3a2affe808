"""Where to go in a recording, as people write it: one language for every front end.

``42+1017``, ``start`` and ``end`` are positions. ``pay``, ``main.c:120`` and ``*0x100020`` are
places in the code. ``call:net_read`` is an event of a kind, ``console:TEXT`` one that printed the
text, and ``write:total`` (or ``read:``, ``access:``) an access of memory. Places and accesses take
a condition: ``pay if $rdi > 100``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitors.calls import Call, Result
from monitors.calls.console import ConsoleWrite
from monitors.calls.names import parse_call_names
from replay.engines.ports import Access, Watchpoint
from replay.machine.position import Position, parse_position
from replay.player.errors import PlayerError
from replay.player.expressions import parse_condition, parse_memory
from replay.player.locations import parse_location
from replay.player.stops import Break, Condition, View, Wanted, Watch
from replay.player.symbols import Symbols

_ACCESSES = {"write": Access.WRITE, "read": Access.READ, "access": Access.READ_WRITE}
_IF = " if "
Parser = Callable[[str, Symbols, View], Wanted]


class BadGoal(PlayerError):
    """A text that names no goal."""


class Place(View, Protocol):
    """A guest in a recording with a start and an end."""

    @property
    def start(self) -> Position:
        """The first position."""
        ...

    @property
    def end(self) -> Position:
        """The last one."""
        ...


@dataclass(frozen=True, slots=True)
class Goal:
    """A position to go to, or what to stop at on the way."""

    position: Position | None = None
    wanted: Wanted | None = None


def is_position(text: str) -> bool:
    """Whether ``text`` writes a position as such, for which no symbols are needed."""
    try:
        parse_position(text)
    except ValueError:
        return False
    return True


def parse_goal(text: str, symbols: Symbols, view: Place) -> Goal:
    """The goal that ``text`` writes, for a guest that stands as ``view`` shows it.

    Raises ``BadGoal``, ``BadLocation``, or ``BadExpression`` and ``Unreadable`` of its parts.
    """
    text = text.strip()
    if text in ("start", "end"):
        return Goal(view.start if text == "start" else view.end)
    if is_position(text):
        return Goal(parse_position(text))
    kind, colon, rest = text.partition(":")
    parse = _KINDS.get(kind) if colon else None
    if parse is not None:
        return Goal(wanted=parse(rest.strip(), symbols, view))
    place, condition = _with_condition(text, symbols)
    addresses = parse_location(place, symbols, here=view.registers()["rip"])
    return Goal(wanted=Wanted(breaks=[Break(address, condition) for address in addresses]))


def _with_condition(text: str, symbols: Symbols) -> tuple[str, Condition | None]:
    place, found, condition = text.partition(_IF)
    return place, parse_condition(condition, symbols) if found else None


def _call(text: str, _: Symbols, __: View) -> Wanted:
    try:
        names = parse_call_names(text)
    except ValueError as error:
        raise BadGoal(f"call:{text}: {error}") from error

    def is_meant(_index: int, made: Call, _result: Result) -> bool:
        return type(made).__name__ in names

    return Wanted(event=is_meant)


def _console(text: str, _: Symbols, __: View) -> Wanted:
    wanted = text.encode("utf-8", "surrogateescape")
    if not wanted:
        raise BadGoal("console: wants the text to look for, as in console:ready")

    def is_meant(_index: int, made: Call, _result: Result) -> bool:
        return isinstance(made, ConsoleWrite) and wanted in made.data

    return Wanted(event=is_meant)


def _accessed(kind: Access) -> Parser:
    def parse(text: str, symbols: Symbols, view: View) -> Wanted:
        place, condition = _with_condition(text, symbols)
        memory = parse_memory(place, symbols)
        point = Watchpoint(memory.address(view), memory.size, kind)
        return Wanted(watches=(Watch(point, condition),))

    return parse


_KINDS: dict[str, Parser] = {
    "call": _call,
    "console": _console,
    **{name: _accessed(access) for name, access in _ACCESSES.items()},
}
