"""Recordings replayed on another platform than their own, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from replay.machine.ending import Ending
from replay.machine.machine import Machine
from replay.player.session import ReplaySession
from replay.testing.digests import DigestCheck
from tests.conformance.platforms import Platform
from tests.conformance.studio import Recording
from traces.reader import open_trace


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
    checks: list[DigestCheck] = []
    console = bytearray()

    def observers(machine: Machine) -> Sequence[DigestCheck]:
        if watched:
            checks.append(DigestCheck(machine, recording.log.read_bytes()))
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
