"""Calls that wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Poll:
    """Wait until a network device is readable or ``timeout_ns`` (relative, u64) has passed."""

    timeout_ns: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Set the guest's one timer to fire at ``at_ns`` of the monotonic clock; 0 stops it.

    Answered by ``Done``.
    """

    at_ns: int


@dataclass(frozen=True, slots=True)
class WaitReady:
    """Wait until a network device is readable or the timer has fired, ``timeout_ms`` (signed
    32-bit, relative) at most, or as long as it takes where that is negative."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class ReadySet:
    """Readable devices as a bitmap by handle, and whether the timer has fired since it was set;
    neither when the time passed first."""

    ready_set: int
    timer_fired: bool


@dataclass(frozen=True, slots=True)
class PollResult:
    """Readable devices as a bitmap by handle; zero when the time passed first."""

    ready_set: int
