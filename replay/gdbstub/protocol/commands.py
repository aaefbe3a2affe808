"""What a client's packets mean, as values. Source: "Debugging with GDB", appendix E.2 to E.13."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PointKind(enum.IntEnum):
    """The numbers behind ``Z`` and ``z``."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE = 2
    READ = 3
    ACCESS = 4


@dataclass(frozen=True, slots=True)
class WhyStopped:
    """``?``: how does the guest stand."""


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """``g``: all of them."""


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """``G``: the first ``len(data)`` bytes of what ``g`` gives."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """``p``: one, by its number in the target description."""

    number: int


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """``P``: one, in the guest's byte order."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """``m``, or ``x`` with a binary answer."""

    address: int
    size: int
    binary: bool = False


@dataclass(frozen=True, slots=True)
class WriteMemory:
    """``M`` or ``X``."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class InsertPoint:
    """``Z``; ``size`` is a kind for breakpoints and bytes for watchpoints, ``conditions`` are agent
    expressions of which one must hold (none: always)."""

    kind: PointKind
    address: int
    size: int
    conditions: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovePoint:
    """``z``."""

    kind: PointKind
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Go:
    """``vCont;c``, ``c``, or ``bc`` (``backward``)."""

    backward: bool = False


@dataclass(frozen=True, slots=True)
class GoStep:
    """``vCont;s``, ``s``, or ``bs`` (``backward``)."""

    backward: bool = False


@dataclass(frozen=True, slots=True)
class GoRange:
    """``vCont;r``: a step, and more as long as the guest is in ``[start, end)``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ListActions:
    """``vCont?``."""


@dataclass(frozen=True, slots=True)
class Query:
    """``q…`` or ``Q…`` (with its letter): a name and all behind the first ``:``, ``,`` or ``;``."""

    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class ReadObject:
    """``qXfer:OBJECT:read:ANNEX:OFFSET,SIZE``."""

    name: str
    annex: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class WriteObject:
    """``qXfer:OBJECT:write:ANNEX:OFFSET:DATA``."""

    name: str
    annex: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Monitor:
    """``qRcmd``: a line typed behind gdb's ``monitor``."""

    line: str


@dataclass(frozen=True, slots=True)
class OpenFile:
    """``vFile:open``; ``flags`` as appendix E.13.9.1 numbers them (0: read only)."""

    name: str
    flags: int


@dataclass(frozen=True, slots=True)
class ReadFile:
    """``vFile:pread``."""

    fd: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class StatFile:
    """``vFile:fstat``."""

    fd: int


@dataclass(frozen=True, slots=True)
class CloseFile:
    """``vFile:close``."""

    fd: int


@dataclass(frozen=True, slots=True)
class OtherFile:
    """Any other ``vFile`` operation."""

    operation: str


@dataclass(frozen=True, slots=True)
class Run:
    """``vRun`` with the arguments behind the program's name, or ``R`` without any."""

    words: tuple[str, ...] = ()
    answered: bool = True


@dataclass(frozen=True, slots=True)
class SelectThread:
    """``H``: ``thread`` is 0 for any and -1 for all."""

    thread: int


@dataclass(frozen=True, slots=True)
class ThreadAlive:
    """``T``."""

    thread: int


@dataclass(frozen=True, slots=True)
class StayAfterwards:
    """``!``: extended mode."""


@dataclass(frozen=True, slots=True)
class Detach:
    """``D``."""


@dataclass(frozen=True, slots=True)
class Kill:
    """``k``, or ``vKill`` (which is ``answered``)."""

    answered: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """A packet of no kind known here; the answer is an empty one."""


Command = (
    WhyStopped
    | ReadRegisters
    | WriteRegisters
    | ReadRegister
    | WriteRegister
    | ReadMemory
    | WriteMemory
    | InsertPoint
    | RemovePoint
    | Go
    | GoStep
    | GoRange
    | ListActions
    | Query
    | ReadObject
    | WriteObject
    | Monitor
    | OpenFile
    | ReadFile
    | StatFile
    | CloseFile
    | OtherFile
    | Run
    | SelectThread
    | ThreadAlive
    | StayAfterwards
    | Detach
    | Kill
    | Unknown
)
