"""Calls that end a run: the guest halts, or the guest breaks a rule of its target."""

from __future__ import annotations

import enum
import signal
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a call that returns nothing to the guest."""


DONE = Done()


@dataclass(frozen=True, slots=True)
class Halt:
    """The guest asked to end; ``status`` is the signed 32-bit value it gave.

    ``cookie`` holds what the guest's trap handler left for a core dump (at most 512 bytes), or
    nothing. The host's process status is ``status & 0xff``.
    """

    status: int
    cookie: bytes = b""


class MisuseKind(enum.IntEnum):
    """Which rule the guest broke. The numbers are part of the trace format.

    An hvt tender ends with status 1 after the first five; the others are what kills the process
    of an spt guest.
    """

    INVALID_HYPERCALL = 1
    INVALID_ACCESS = 2
    INVALID_POINTER = 3
    TRANSLATION_FAULT = 4
    UNHANDLED_EXIT = 5
    FORBIDDEN_CALL = 6
    SEGMENTATION_FAULT = 7
    ILLEGAL_INSTRUCTION = 8
    ARITHMETIC_FAULT = 9
    BREAKPOINT = 10
    BUS_ERROR = 11

    @property
    def process_status(self) -> int:
        """What a shell sees of the tender: 1, or 128 and the number of the signal."""
        return _STATUS_OF.get(self, 1)


_SIGNAL_BASE = 128
_STATUS_OF = {
    MisuseKind.FORBIDDEN_CALL: _SIGNAL_BASE + signal.SIGSYS,
    MisuseKind.SEGMENTATION_FAULT: _SIGNAL_BASE + signal.SIGSEGV,
    MisuseKind.ILLEGAL_INSTRUCTION: _SIGNAL_BASE + signal.SIGILL,
    MisuseKind.ARITHMETIC_FAULT: _SIGNAL_BASE + signal.SIGFPE,
    MisuseKind.BREAKPOINT: _SIGNAL_BASE + signal.SIGTRAP,
    MisuseKind.BUS_ERROR: _SIGNAL_BASE + signal.SIGBUS,
}


@dataclass(frozen=True, slots=True)
class Misuse:
    """The guest did something its target forbids, which ends the tender.

    ``detail`` is text for a person, made only from guest state, so that it replays exactly.
    """

    kind: MisuseKind
    detail: str
