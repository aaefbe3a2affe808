"""One command behind gdb's ``monitor``, and its arguments as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.gdbstub.errors import Refused
from replay.player.stops import Stop, Why

MEMORY_BYTES_MAX = 1 << 20
"""Of one piece of memory that a command is about."""

_FLUSH = "(to gdb this is news only after `maintenance flush register-cache`)"
_STOPS = {
    Why.INTERRUPTED: "interrupted, ",
    Why.START: "the start, ",
    Why.END: "the end, ",
}
_ADDRESS_SPACE = 1 << 64


@dataclass(frozen=True, slots=True)
class MonitorCommand:
    """``usage`` shows the arguments, of which there are ``least`` to ``most``; where it takes
    ``text``, all that is typed behind the name is one."""

    usage: str
    about: str
    action: Callable[[list[str]], str]
    least: int = 0
    most: int = 0
    text: bool = False

    @property
    def name(self) -> str:
        """What is typed in front of the arguments: the words without capitals and brackets."""
        words = self.usage.split()
        return " ".join(word for word in words if word.replace("-", "").islower())


def arrival(stop: Stop) -> str:
    """The answer to a command that has moved the guest: a line for people, and a remark that
    gdb does not know."""
    return f"{_STOPS.get(stop.why, '')}at {stop.position}\n{_FLUSH}"


def number(text: str) -> int:
    """Decimal, or hexadecimal behind ``0x``, of at most 64 bits; raises ``Refused``."""
    try:
        value = int(text, 0)
    except ValueError as error:
        raise Refused(f"not a number: {text!r}") from error
    if not 0 <= value < _ADDRESS_SPACE:
        raise Refused(f"a number out of range: {text!r}")
    return value
