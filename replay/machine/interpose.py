"""The door: the only place where exit → call → ``source.answer(call)`` → result → guest happens.

Whatever can differ between two runs passes through ``Interposer``, on every engine and for
every source. It takes no decision of its own. A *lane* is a second implementation of the same door
close to the guest: it answers the crossings that nobody has to look at, in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from monitors.calls import Call, Result
from monitors.calls.lifecycle import Halt, Misuse
from monitors.ports import (
    Answered,
    Breakpoint,
    Crossing,
    Exit,
    Interrupted,
    TargetReached,
    Watched,
)
from replay.engines.errors import CannotGoOn
from replay.engines.ports import CountsInstructions
from replay.machine.ending import Ending, Halted, Misused, Paused, Reached, Stopped
from replay.machine.errors import WaitInterrupted
from replay.machine.handover import carry_on, counting_engine, end_detour
from replay.machine.machine import Machine
from replay.machine.ports import Lane, Observer, Source, SparseObserver
from replay.machine.position import Position

_STOPS = frozenset((Interrupted, Breakpoint, Watched))
_LAST_CALLS = frozenset((Halt, Misuse))


class Interposer:
    """Drives a machine through its crossings.

    ``events`` counts the crossings answered so far, ``instructions`` what ``advance`` has executed
    since the last of them, and ``steps`` both of them together; ``pending`` is the call that waits
    for its answer while a source works, or after it failed. Where its wait was interrupted, it is
    asked again first. A ``lane`` is used between the events that the observers are due for, and
    only where all of them say which those are.
    """

    def __init__(
        self,
        machine: Machine,
        source: Source,
        observers: Sequence[Observer] = (),
        lane: Lane | None = None,
    ) -> None:
        self.machine = machine
        self.events = 0
        self.instructions = 0
        self.steps = 0
        self.pending: Call | None = None
        self._unanswered: Crossing | None = None
        self._answer = source.answer
        self._observers = tuple(observers)
        sparse = tuple(each for each in self._observers if isinstance(each, SparseObserver))
        self._sparse = sparse
        self._sees_all = len(sparse) != len(self._observers)
        self._lane = None if self._sees_all else lane
        self._lane_engine = machine.engine
        self._counted: object = None
        self._due = 0
        self._pausing = False

    def run(self, until_event: int | None = None) -> Ending:
        """Run until the guest ends, somebody interrupts, or ``until_event`` crossings are done.

        Where as many are done already, nothing runs. An engine that cannot go on is replaced.
        """
        while True:
            try:
                return self._run(until_event)
            except CannotGoOn as stuck:
                carry_on(self.machine, stuck, self.events)

    def _run(self, until_event: int | None) -> Ending:
        machine = self.machine
        end_detour(machine)
        self.instructions = 0
        last = sys.maxsize if until_event is None else until_event
        self._due = self._next_due()
        if self.events < last and (ending := self._ask_again()) is not None:
            return ending
        decode, cross, lane = machine.monitor.decode, self._cross, self._lane
        while self.events < last:
            exit_ = machine.engine.run() if lane is None else self._run_to_door(last)
            if exit_ is None:
                continue
            if type(exit_) in _STOPS:
                return _stopped(exit_)
            crossing = decode(exit_, machine.memory)
            if type(crossing) is Answered:
                machine.engine.set_registers(crossing.registers)
                continue
            ending = cross(crossing)  # type: ignore[arg-type]  # what is not answered crosses
            if ending is not None:
                return ending
        return Reached()

    def advance(
        self,
        budget: int,
        until_event: int,
        *,
        crossing_costs: int = 1,
        stretched: Callable[[Position, int], None] | None = None,
    ) -> Ending:
        """Run until ``until_event`` crossings are done or ``budget`` is used up, of which each
        instruction takes 1 and each crossing ``crossing_costs``; on a counting engine.

        ``stretched`` is told of every piece that ran without a stop: where it began, and how many
        instructions it had.
        """
        engine = self._counting_engine()
        self._due = self._next_due()
        self._pausing = False
        if self._unanswered is not None and self.events < until_event and budget > 0:
            if (ending := self._ask_again()) is not None:
                return ending
            self.steps += 1
            budget -= crossing_costs
        while self.events < until_event and budget > 0 and not self._pausing:
            begin = Position(self.events, self.instructions)
            exit_ = engine.run_instructions(budget)
            retired = engine.instructions_retired
            self.instructions += retired
            self.steps += retired
            budget -= retired
            if stretched is not None:
                stretched(begin, retired)
            if type(exit_) is TargetReached:
                continue
            ending = self._pass(exit_)
            crossed = self.events != begin.event
            if crossed or ending is None:
                self.steps += 1
            if ending is not None:
                return ending
            if crossed:
                budget -= crossing_costs
            else:  # the monitor has carried out an instruction
                self.instructions += 1
                budget -= 1
        return Reached()

    def pause(self) -> None:
        """Make ``advance`` return behind the crossing that an observer is just told of."""
        self._pausing = True

    def jump(self, position: Position, steps: int = 0) -> None:
        """The machine has been put where it was at ``position``; so has the source."""
        self.events, self.instructions = position.event, position.instructions
        self.steps = steps
        self.pending = self._unanswered = None

    def _counting_engine(self) -> CountsInstructions:
        """Asked for once for each engine: what a protocol wants is slow to see."""
        if self._counted is not self.machine.engine:
            self._counting = counting_engine(self.machine)
            self._counted = self.machine.engine
        return self._counting

    def _pass(self, exit_: Exit) -> Ending | None:
        """Answer an exit; what ends the run there, or ``None``."""
        if type(exit_) in _STOPS:
            return _stopped(exit_)
        machine = self.machine
        crossing = machine.monitor.decode(exit_, machine.memory)
        if isinstance(crossing, Answered):
            machine.engine.set_registers(crossing.registers)
            return None
        return self._cross(crossing)

    def _ask_again(self) -> Ending | None:
        """Answer the crossing whose wait was interrupted, if that is why the machine stood."""
        crossing, self._unanswered = self._unanswered, None
        return None if crossing is None else self._cross(crossing)

    def _cross(self, crossing: Crossing) -> Ending | None:
        machine = self.machine
        call = self.pending = crossing.call
        try:
            result = self._answer(call)
        except WaitInterrupted:
            self._unanswered = crossing
            return Stopped()
        changes = machine.monitor.encode(crossing, result, machine.memory)
        if changes:
            machine.engine.set_registers(changes)
        self.pending = None
        self.events += 1
        if self.events > self._due:
            self._due = self._tell_observers(call, result)
        self.instructions = 0
        return _ending_of(call) if type(call) in _LAST_CALLS else None

    def _tell_observers(self, call: Call, result: Result) -> int:
        """Show them the crossing that was just answered; which one is the next that they need."""
        for observer in self._observers:
            observer.crossed(self.events - 1, call, result)
        return self._next_due()

    def _next_due(self) -> int:
        """The next crossing that an observer must see."""
        if self._sees_all:
            return 0
        return min([sys.maxsize, *(each.due for each in self._sparse)])

    def _run_to_door(self, last: int) -> Exit | None:
        """The next exit that the door must answer; ``None`` when the lane came as far as it may."""
        engine, lane = self.machine.engine, self._lane
        if lane is None or engine is not self._lane_engine:
            return engine.run()
        room = min(last, self._next_due()) - self.events
        if room <= 0:
            return engine.run()
        exit_, answered = lane.run(room)
        self.events += answered
        return exit_


def _stopped(exit_: Exit) -> Paused | Stopped:
    return Paused(exit_) if isinstance(exit_, Breakpoint | Watched) else Stopped()


def _ending_of(call: Call) -> Halted | Misused:
    if isinstance(call, Halt):
        return Halted(call.status, call.cookie)
    assert isinstance(call, Misuse)
    return Misused(call.kind, call.detail)
