"""Calls that wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Poll:
    """Wait until a network device is readable or ``timeout_ns`` (relative, u64) has passed."""

    timeout_ns: int


@dataclass(frozen=True, slots=True)
class PollResult:
    """Readable devices as a bitmap by handle; zero when the time passed first."""

    ready_set: int
