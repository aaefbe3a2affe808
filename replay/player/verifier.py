"""Comparing a replay's state with the digests that its recording took."""

from __future__ import annotations

import sys

from monitors.calls import Call, Result
from replay.machine.digest import machine_digest
from replay.machine.machine import Machine
from replay.machine.position import Position
from replay.player.errors import StateDivergence
from traces.events import StateDigest
from traces.reader import Trace


class StateVerifier:
    """A sparse observer; ``verified`` counts the digests that agreed."""

    def __init__(self, machine: Machine, trace: Trace) -> None:
        self.verified = 0
        self._machine = machine
        self._trace = trace
        self._behind = 0
        self.extend()

    def extend(self) -> None:
        """Look for what the recording has come to have since."""
        self._digests = self._trace.digests(self._behind)
        self._next: StateDigest | None = None
        self._advance()

    @property
    def due(self) -> int:
        """The next crossing of which the recording has a digest."""
        return sys.maxsize if self._next is None else self._next.event

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``; raises ``StateDivergence``."""
        recorded = self._next
        while recorded is not None and recorded.event < index:  # a replay may begin behind it
            recorded = self._advance()
        if recorded is None or index != recorded.event:
            return
        actual = machine_digest(self._machine)
        wrong = [
            what
            for what, then, now in (
                ("registers", recorded.registers, actual.registers),
                ("memory", recorded.memory, actual.memory),
            )
            if then and then != now
        ]
        if wrong:
            raise StateDivergence(Position(index + 1), " and ".join(wrong))
        self.verified += 1
        self._advance()

    def _advance(self) -> StateDigest | None:
        if self._next is not None:
            self._behind = self._next.event + 1
        self._next = next(self._digests, None)
        return self._next


class NoStates:
    """A verifier that compares nothing: for guests that were built anew, whose states differ."""

    verified = 0
    due = sys.maxsize

    def extend(self) -> None:
        """See ``StateVerifier``."""

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
