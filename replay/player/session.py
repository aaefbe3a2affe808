"""Forward replay of one trace, verified crossing by crossing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from monitors.calls import Call
from monitors.errors import BadAnswer
from replay.engines.ports import Engine
from replay.machine.ending import Ending, Reached
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan, plan_of
from replay.machine.ports import Observer
from replay.machine.position import Position
from replay.player.errors import BadPosition, GuestNeeded, Redacted
from replay.player.lane import replay_lane
from replay.player.source import ConsoleSink, Replaying
from replay.player.verifier import NoStates, StateVerifier
from traces.errors import BadEvent
from traces.reader import Trace
from traces.summary import Outcome

_GUESTS_OWN = (Outcome.HALTED, Outcome.MISUSE)


@dataclass(frozen=True, slots=True)
class Changes:
    """What to replay instead of what was recorded, to see where that makes a difference.

    ``calls_only``: a guest that was built anew has other states, so that none are compared.
    """

    guest: bytes | None = None
    command_line: bytes | None = None
    calls_only: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a replay came and how it ended."""

    ending: Ending
    position: Position
    digests_verified: int


class ReplaySession:
    """One guest re-executed from a trace. Close it when done."""

    def __init__(
        self,
        trace: Trace,
        engine: Engine,
        *,
        changes: Changes | None = None,
        console: ConsoleSink = len,
        observers: Callable[[Machine], Sequence[Observer]] | None = None,
    ) -> None:
        """Boots the machine; raises ``GuestNeeded``, ``GuestRefused`` or ``DamagedTrace``.

        ``console`` takes what the guest prints; ``observers`` makes those who watch the crossings.
        """
        self.trace = trace
        changes = changes or Changes()
        self.machine = boot_machine(recorded_plan(trace, changes), engine)
        self._source = Replaying(trace, console)
        self._verifier = NoStates() if changes.calls_only else StateVerifier(self.machine, trace)
        watchers = observers(self.machine) if observers else ()
        self._lane = replay_lane(self.machine, self._source)
        self._interposer = Interposer(
            self.machine, self._source, (self._verifier, *watchers), self._lane
        )

    @property
    def position(self) -> Position:
        """Where the guest stands."""
        return Position(self._interposer.events, self._interposer.instructions)

    @property
    def pending(self) -> Call | None:
        """The call that waits for its answer, after a divergence."""
        return self._interposer.pending

    @property
    def is_guests_own_ending(self) -> bool:
        """Whether the recording ends because the guest ended, and not because it was cut short."""
        summary = self.trace.summary
        return self.trace.complete and summary is not None and summary.outcome in _GUESTS_OWN

    def run(self, until: Position | None = None) -> Replayed:
        """Replay to ``until``; by default to the end of the recording, which is the ending
        ``Reached`` where it was cut short.

        Raises ``Divergence``, ``StateDivergence``, ``BadPosition``, and ``DamagedTrace``.
        """
        last = self.trace.event_count
        if until is not None and until.event > last:
            raise BadPosition(until, f"is beyond the end: the trace has {last} events")
        if until is not None and until < self.position:
            raise BadPosition(until, f"is behind {self.position}: a session goes forward")
        if until is None and not self.is_guests_own_ending:
            until = max(Position(last), self.position)
        if until is None or until.event > self.position.event:
            ending = self._run_events(until.event if until else None)
        else:
            ending = Reached()
        if until is not None and until > self.position and isinstance(ending, Reached):
            ending = self._run_instructions(until)
        return Replayed(ending, self.position, self._verifier.verified)

    def extend(self) -> bool:
        """Look whether a trace that is still being written has become longer, or was finished: then
        ``run`` goes on. Raises WrongVersion."""
        if not self.trace.refresh():
            return False
        self._source.extend()
        self._verifier.extend()
        return True

    def close(self) -> None:
        """Give the machine back."""
        self._source.close()
        self.machine.close()

    def _run_events(self, count: int | None) -> Ending:
        try:
            with self._lane or nullcontext():
                return self._interposer.run(count)
        except BadAnswer as error:
            raise BadEvent(str(error), index=self._interposer.events) from error

    def _run_instructions(self, until: Position) -> Ending:
        interposer = self._interposer
        last = self.position

        def stretched(begin: Position, instructions: int) -> None:
            nonlocal last
            last = Position(begin.event, begin.instructions + instructions)

        budget = until.instructions - interposer.instructions
        ending = interposer.advance(budget, until.event + 1, stretched=stretched)
        if self.position.event != until.event:
            raise BadPosition(until, f"does not exist: the next event comes at {last}", last)
        return ending


def recorded_plan(trace: Trace, changes: Changes) -> MachinePlan:
    """The machine to replay ``trace`` on; raises ``GuestNeeded`` and ``Redacted``."""
    if trace.redacted:
        what = ", ".join(sorted(trace.redacted))
        raise Redacted(
            f"the trace is redacted: the bytes that the guest received ({what}) were "
            "taken out, and nobody can replay it; ask for the original"
        )
    guest = trace.guest() if changes.guest is None else changes.guest
    if guest is None:
        name = trace.header.guest.name
        raise GuestNeeded(f"the trace does not embed its guest {name}; give its file")
    plan = plan_of(trace.header, guest)
    if changes.command_line is None:
        return plan
    return replace(plan, command_line=changes.command_line)
