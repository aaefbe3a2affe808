"""Calls that end a run: the guest halts, or the guest breaks a rule of its target."""

from __future__ import annotations

import enum
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
    """Which rule the guest broke. The numbers are part of the trace format."""

    INVALID_HYPERCALL = 1
    INVALID_ACCESS = 2
    INVALID_POINTER = 3
    TRANSLATION_FAULT = 4
    UNHANDLED_EXIT = 5


@dataclass(frozen=True, slots=True)
class Misuse:
    """The guest did something its target forbids; a tender ends with status 1.

    ``detail`` is text for a person, made only from guest state, so that it replays exactly.
    """

    kind: MisuseKind
    detail: str
