"""What the check of one trace has come to, as a value that passes between processes."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

LINES_MAX = 100
"""Of console, events and frames each."""

_TEXT_MAX = 16384
_NUMBER_MAX = 1 << 63


class Kind(enum.StrEnum):
    """The kinds of verdicts; their values are what reports for programs call them."""

    FAITHFUL = "faithful"
    COMPATIBLE = "input-compatible"
    """A changed guest made the recorded calls; its states were not compared."""
    FAILED = "guest-failed"
    """Faithful (or input-compatible), and the guest failed as recorded."""
    INCOMPLETE = "incomplete"
    DIVERGED = "diverged"
    BAD_TRACE = "bad-trace"
    CANNOT_REPLAY = "cannot-replay"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"


GOOD = frozenset((Kind.FAITHFUL, Kind.COMPATIBLE))


@dataclass(frozen=True, slots=True)
class Checked:
    """One trace and its verdict.

    ``text`` is the verdict in words, ``guest_status`` that of the guest's process where it ended.
    What shows how it came to that is there where it was not good: the console's last lines,
    the last events, the guest's call stack, and ``sources``: its places as ``path:line``.
    ``command`` looks further into it. Texts are as they were found: show them with care.
    """

    trace: str
    kind: Kind
    text: str
    events: int = 0
    digests: int = 0
    guest_status: int | None = None
    engine: str = ""
    seconds: float = 0.0
    console: tuple[str, ...] = ()
    last_events: tuple[str, ...] = ()
    backtrace: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    command: str = ""

    @property
    def good(self) -> bool:
        """Whether there is nothing to look at."""
        return self.kind in GOOD


class BadReport(Exception):
    """Bytes that are no verdict."""


def checked_data(checked: Checked) -> dict[str, object]:
    """As JSON has it."""
    data = asdict(checked)
    data["verdict"] = data.pop("kind")
    return data


def encode_checked(checked: Checked) -> bytes:
    """As it is sent from one process to another."""
    return json.dumps(asdict(checked)).encode()


def decode_checked(data: bytes) -> Checked:
    """What was sent by a process that ran a guest, and is not believed: raises BadReport."""
    try:
        found = json.loads(data)
        values: dict[str, Any] = {
            each.name: _FIELDS[str(each.type)](found[each.name]) for each in _PARTS
        }
        return Checked(**values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadReport(f"{type(error).__name__}: {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    # What is no character (a lone surrogate) could not be printed.
    return value[:_TEXT_MAX].encode("utf-8", "backslashreplace").decode()


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _NUMBER_MAX:
        raise TypeError("not a number")
    return value


def _seconds(value: object) -> float:
    if type(value) is not float or not 0 <= value < _NUMBER_MAX:
        raise TypeError("not a time")
    return value


def _lines(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no lines")
    return tuple(map(_text, value[-LINES_MAX:]))


_PARTS = fields(Checked)
_FIELDS: Mapping[str, Callable[[object], object]] = {
    "str": _text,
    "Kind": lambda value: Kind(str(value)),
    "int": _number,
    "float": _seconds,
    "int | None": lambda value: None if value is None else _number(value),
    "tuple[str, ...]": _lines,
}
