"""Recordings replayed on another platform than their own, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from monitors.calls import Call, Result
from replay.machine.ending import Ending
from replay.machine.machine import Machine
from replay.player.session import ReplaySession
from replay.testing.digests import DigestCheck, read_log
from tests.conformance.platforms import Platform
from tests.conformance.studio import Recording
from traces.reader import open_trace


class SparseCheck(DigestCheck):
    """Compares like ``DigestCheck``, and leaves to a lane the crossings that no entry is about.

    Behind the last entry it looks at every crossing, to notice one that a longer log would have.
    """

    def __init__(self, machine: Machine, log: bytes) -> None:
        super().__init__(machine, log)
        self._indices = [index for index, _ in read_log(log)]

    @property
    def due(self) -> int:
        """See ``replay.machine.ports.SparseObserver``."""
        return self._indices[self.compared] if self.compared < len(self._indices) else 0

    def crossed(self, index: int, call: Call, result: Result) -> None:
        """See ``replay.machine.ports.Observer``; raises ``DigestDifference``."""
        if index >= self.due:
            super().crossed(index, call, result)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A replay: its end, the crossings, what was printed, how many of the log's digests agreed, how
    many of the recording's own did, and what the machine noted."""

    ending: Ending
    events: int
    console: bytes
    compared: int
    verified: int
    notes: tuple[str, ...]


def replay_elsewhere(platform: Platform, recording: Recording, *, watched: bool) -> Elsewhere:
    """Replay on a new engine of ``platform``; ``watched``: every digest of the log is compared.

    Raises whatever differs: ``Divergence``, ``StateDivergence`` or ``DigestDifference``.
    """
    checks: list[SparseCheck] = []
    console = bytearray()

    def observers(machine: Machine) -> Sequence[SparseCheck]:
        if watched:
            checks.append(SparseCheck(machine, recording.log.read_bytes()))
        return checks

    def show(data: bytes) -> int:
        console.extend(data)
        return len(data)

    with ExitStack() as stack:
        trace = stack.enter_context(open_trace(recording.trace))
        stack.enter_context(platform.selected())
        engine = platform.make_engine()
        session = ReplaySession(trace, engine, console=show, observers=observers)
        stack.callback(session.close)
        replayed = session.run()
    return Elsewhere(
        replayed.ending,
        replayed.position.event,
        bytes(console),
        sum(check.compared for check in checks),
        replayed.digests_verified,
        tuple(session.machine.notes),
    )
