"""What a journey through a run stops at, and how a stop is told: the words of time travel.

Whatever can be asked for works in both directions. A condition is asked at the place itself, with
the guest as it is there.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitors.calls import Call, Result
from monitors.ports import Registers
from replay.engines.ports import Watchpoint
from replay.machine.ending import Halted, Misused
from replay.machine.position import Position


class Direction(enum.Enum):
    """Which way time runs."""

    FORWARD = "forward"
    BACKWARD = "backward"


class View(Protocol):
    """A guest that stands still and may be looked at."""

    def registers(self) -> Registers:
        """Every architectural register by name."""
        ...

    def read(self, address: int, size: int) -> bytes | None:
        """Memory at a virtual address; ``None`` where the guest itself could not read it."""
        ...


Condition = Callable[[View], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Break:
    """Stop before the instruction at ``address``, where ``condition`` holds."""

    address: int
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Stop at accesses of memory: going forward behind the instruction, or behind the call that
    made the host write there; going backward before it, with the access not yet made.

    ``condition`` is asked with the access made, in both directions.
    """

    point: Watchpoint
    condition: Condition | None = None


EventFilter = Callable[[int, Call, Result], bool]
"""Whether to stop at event ``index``, which the guest has just been given the result of."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that a run stops at, besides the ends of the recording.

    ``event`` stops behind an event: at position ``index + 1``, in both directions. Going backward,
    the place where the run begins never counts.
    """

    breaks: Sequence[Break] = ()
    watches: Sequence[Watch] = ()
    event: EventFilter | None = None
    until: Position | None = None


class Why(enum.Enum):
    """Why the guest stands where it stands."""

    REACHED = "reached"  # the position asked for
    BREAK = "break"
    WATCH = "watch"
    EVENT = "event"
    START = "start"  # of the recording
    END = "end"  # of the recording
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the guest stands, and why: ``hit`` is the ``Break`` or ``Watch`` of ``Wanted`` that was
    met, ``ending`` how the recorded guest ended, at ``Why.END`` of a run that did."""

    position: Position
    why: Why
    hit: Break | Watch | None = None
    ending: Halted | Misused | None = None
