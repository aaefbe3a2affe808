"""Commands for gdb itself, loaded by gdb with ``source``: ways through a recording.

This file runs inside gdb's own Python and uses nothing else of this project.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import gdb  # type: ignore[import-untyped,import-not-found,unused-ignore]  # inside gdb only

_HISTORY_MAX = 1000
_WATCHPOINTS = (
    gdb.BP_WATCHPOINT,
    gdb.BP_HARDWARE_WATCHPOINT,
    gdb.BP_READ_WATCHPOINT,
    gdb.BP_ACCESS_WATCHPOINT,
)
_IN_REGISTER = re.compile(r"is a variable in \$(\w+)\.")
_RANGE_IN_REGISTER = re.compile(r"(0x[0-9a-f]+)-(0x[0-9a-f]+): a variable in \$(\w+)")


def monitor(line: str) -> str:
    """The answer of the stub to a ``monitor`` command."""
    command = f"monitor {line}"
    first, _, rest = str(gdb.execute(command, to_string=True)).partition("\n")
    # Under `set trace-commands on` gdb echoes what it executes.
    return (rest if first.lstrip("+") == command else f"{first}\n{rest}").rstrip("\n")


def position() -> str:
    """Where the guest stands; empty where nobody can tell."""
    try:
        return monitor("when").partition(" ")[0]
    except gdb.error:
        return ""


class History:
    """The places at which the guest has stopped, as a browser has its pages."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self.index = -1

    def visit(self, place: str) -> None:
        """A new place: what was ahead is forgotten."""
        if not place or (self.places and self.places[self.index] == place):
            return
        self.places = [*self.places[: self.index + 1], place][-_HISTORY_MAX:]
        self.index = len(self.places) - 1

    def move(self, by: int) -> str:
        """The place before or behind; raises ``gdb.GdbError`` where there is none."""
        if not 0 <= self.index + by < len(self.places):
            raise gdb.GdbError("There is nothing further in the history.")
        self.index += by
        return self.places[self.index]


HISTORY = History()


def travel(line: str) -> None:
    """Go somewhere by a ``monitor`` command, and let gdb see that everything has changed."""
    answer = monitor(line)
    place, _, remark = answer.partition("\n")
    gdb.write(f"{place}\n")
    if not remark:  # it was refused, and the guest has not moved
        return
    gdb.execute("maintenance flush register-cache", to_string=True)
    _renew_watchpoints()
    HISTORY.visit(position())
    gdb.execute("frame")


def _renew_watchpoints() -> None:
    """gdb compares with the values that it saw last; let it take those of this place."""
    for point in gdb.breakpoints():
        if point.type in _WATCHPOINTS and point.enabled:
            point.enabled = False
            point.enabled = True


def last_write(expression: str) -> None:
    """Go to before the last write to what an expression stands for."""
    if not expression:
        raise gdb.GdbError("Which variable or other place in memory?")
    value = gdb.parse_and_eval(expression)
    if value.address is None:
        raise gdb.GdbError("That is not in memory, so no write to it can be found.")
    travel(f"last-write {int(value.address):#x} {value.type.strip_typedefs().sizeof}")


def why(expression: str) -> None:
    """Show where the value of an expression comes from."""
    if not expression:
        raise gdb.GdbError("Which variable, register or other place in memory?")
    value = gdb.parse_and_eval(expression)
    if value.address is not None:
        place = f"{int(value.address):#x} {value.type.strip_typedefs().sizeof}"
    else:
        place = f"${_register_of(expression)}"
    first, *steps = monitor(f"why {place}").split("\n")
    what, is_value, content = first.partition(" = ")
    if is_value and what != expression:
        first = f"{expression} ({what}) = {content}"
    gdb.write("\n".join((first, *steps)) + "\n")


def _register_of(expression: str) -> str:
    """The register that holds what an expression stands for."""
    if expression.startswith("$"):
        return expression[1:]
    try:
        about = str(gdb.execute(f"info address {expression}", to_string=True))
    except gdb.error:
        about = ""
    here = int(gdb.parse_and_eval("(long)$pc"))
    for start, end, register in _RANGE_IN_REGISTER.findall(about):
        if int(start, 16) <= here < int(end, 16):
            return str(register)
    whole = _IN_REGISTER.search(about)
    if whole is None:
        raise gdb.GdbError("That is neither in memory nor in a register.")
    return whole[1]


def step_in_history(by: int) -> None:
    """Go to the place before or behind in the history."""
    travel(f"seek {HISTORY.move(by)}")


def shown(line: str) -> Callable[[str], None]:
    """An action that shows what a ``monitor`` command answers."""
    return lambda argument: gdb.write(monitor(f"{line} {argument}".rstrip()) + "\n")


def travelling(line: str) -> Callable[[str], None]:
    """An action that goes where a ``monitor`` command leads."""
    return lambda argument: travel(f"{line} {argument}".rstrip())


class Command(gdb.Command):  # type: ignore[misc,unused-ignore]  # unknown outside gdb
    """One command of gdb."""

    def __init__(self, name: str, about: str, action: Callable[[str], None]) -> None:
        self.__doc__ = about
        self._action = action
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """Called by gdb; what fails is an error of gdb's own."""
        try:
            self._action(argument.strip())
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from None


def _stopped(_event: object) -> None:
    HISTORY.visit(position())


def install() -> None:
    """Make all commands known to gdb."""
    commands = {
        "when": ("Show where in the recording the guest stands.", shown("when")),
        "seek": (
            "Go to EVENT, EVENT+INSTRUCTIONS, start, end, cN, or a bookmark.",
            travelling("seek"),
        ),
        "forward-to": (
            "Go on to call:NAME, console:TEXT, write:VARIABLE, or a place in the code.",
            travelling("forward-to"),
        ),
        "back-to": ("Go back to what `forward-to` takes.", travelling("back-to")),
        "bookmark": ("Keep this place under a NAME beside the trace.", shown("bookmark")),
        "info bookmarks": ("List the bookmarks.", shown("info bookmarks")),
        "delete bookmark": ("Forget bookmark NAME.", shown("delete bookmark")),
        "note": ("Write a note of this place, or show it.", shown("note")),
        "info notes": ("List the notes.", shown("info notes")),
        "checkpoint": ("Keep this place under a number.", shown("checkpoint")),
        "info checkpoints": ("List the places kept.", shown("info checkpoints")),
        "delete checkpoint": ("Forget checkpoint N.", shown("delete checkpoint")),
        "restart": ("Go to checkpoint N, or to the start.", travelling("restart")),
        "back": ("Go to where the guest stopped before.", lambda _: step_in_history(-1)),
        "forward": ("Undo `back`.", lambda _: step_in_history(1)),
        "last": ("Go to before the last write to what EXPRESSION stands for.", last_write),
        "why": ("Show where the value of EXPRESSION comes from, back to a call.", why),
        "events": ("Show events around here, event N, or events N..M.", shown("events")),
        "console": ("Show what the guest had printed by now.", shown("console")),
    }
    for name, (about, action) in commands.items():
        Command(name, about, action)
    gdb.events.stop.connect(_stopped)


install()
