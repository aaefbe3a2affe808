"""Styled text by meaning, and lists of rows of it: what every pane is made of.

A model says what a piece of text *is*; the look comes from the theme. Whatever a guest or a trace
has written goes through ``visible`` first, so that it can never be control or markup.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from replay.export.words import one_line
from replay.machine.position import Position

visible = one_line
"""What every text of a guest or a trace goes through before it is shown."""


class Role(enum.Enum):
    """What a piece of text is; the theme gives each a look, and none is told by colour alone."""

    TEXT = "text"
    DIM = "dim"
    TITLE = "title"
    ADDRESS = "address"
    NUMBER = "number"
    NAME = "name"  # of a function, a call, a device
    KEYWORD = "keyword"
    TYPE = "type"
    STRING = "string"
    COMMENT = "comment"
    MNEMONIC = "mnemonic"
    CHANGED = "changed"  # since the last stop
    CURRENT = "current"  # where the guest stands
    INPUT = "input"  # bytes into the guest
    OUTPUT = "output"  # bytes from the guest
    MARK = "mark"  # breakpoint, bookmark, checkpoint
    MATCH = "match"  # what was searched for
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class ToPosition:
    """A moment of the run."""

    position: Position


@dataclass(frozen=True, slots=True)
class ToEvent:
    """An event; one goes to where it is about to happen."""

    event: int


@dataclass(frozen=True, slots=True)
class ToMemory:
    """Some memory; ``size`` is that of the value in bytes."""

    address: int
    size: int = 8


@dataclass(frozen=True, slots=True)
class ToCode:
    """An instruction, or the place in the source that it belongs to."""

    address: int


@dataclass(frozen=True, slots=True)
class ToRegister:
    """A register of the guest as it stands."""

    name: str


@dataclass(frozen=True, slots=True)
class ToFrame:
    """A call on the stack, 0 the innermost."""

    number: int


Target = ToPosition | ToEvent | ToMemory | ToCode | ToRegister | ToFrame
"""What a piece of text stands for: what a click or Enter on it leads to."""


class Span(NamedTuple):
    """A piece of one row."""

    text: str
    role: Role = Role.TEXT
    target: Target | None = None


Line = tuple[Span, ...]
"""One row; no span has a line end or a control character in it."""


class Rows(Protocol):
    """A list of rows, of which only those on the screen are ever asked for."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def line(self, index: int) -> Line:
        """Row number ``index``, from 0."""
        ...


@dataclass(frozen=True, slots=True)
class FixedRows:
    """Rows that are all there."""

    lines: Sequence[Line] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, index: int) -> Line:
        """See ``Rows``."""
        return self.lines[index]


def plain(line: Line) -> str:
    """A row without its meaning."""
    return "".join(span.text for span in line)


def message(text: str, role: Role = Role.DIM) -> FixedRows:
    """Rows that say something instead of showing what is not there."""
    return FixedRows(tuple((Span(visible(line), role),) for line in text.splitlines()))
