"""When a recording takes a digest of the whole machine: rarely enough to cost nothing."""

from __future__ import annotations

from monitors.calls import Call, Result
from replay.machine.digest import machine_digest
from replay.machine.machine import Machine
from traces.writer import TraceWriter

DIGEST_EVERY_EVENTS = 1 << 16
"""A count and not a time, so that equal runs have their digests at equal places."""


class DigestCadence:
    """A sparse observer that writes a digest every ``every`` crossings, and one when asked to."""

    def __init__(
        self, machine: Machine, writer: TraceWriter, every: int = DIGEST_EVERY_EVENTS
    ) -> None:
        self._machine = machine
        self._writer = writer
        self._every = every
        self.due = every - 1

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        if index >= self.due:
            self.take(index)

    def take(self, index: int) -> None:
        """Write the digest of the state after crossing ``index``, if the trace has that one."""
        if index >= self._writer.event_count:
            return
        digest = machine_digest(self._machine)
        self._writer.digest(index, digest.registers, digest.memory)
        self.due = index + self._every
