"""The door: the only place where exit → call → ``source.answer(call)`` → result → guest happens.

Whatever can differ between two runs passes through ``Interposer.run``, on every engine and for
every source. It takes no decision of its own. A *lane* is a second implementation of the same door
close to the guest: it answers the crossings that nobody has to look at, in the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from monitors.calls import Call, Result
from monitors.calls.lifecycle import Halt, Misuse
from monitors.ports import Answered, Exit, Interrupted, TargetReached
from replay.engines.errors import CannotGoOn
from replay.machine.ending import Ending, Halted, Misused, Reached, Stopped
from replay.machine.errors import WaitInterrupted
from replay.machine.handover import carry_on, counting_engine, end_detour
from replay.machine.machine import Machine
from replay.machine.ports import Lane, Observer, Source, SparseObserver


class Interposer:
    """Drives a machine through its crossings.

    ``events`` counts the crossings answered so far; ``pending`` is the call that waits for its
    answer while a source works, or after it failed. A ``lane`` is used between the events that the
    observers are due for, and only where all of them say which those are.
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
        self.pending: Call | None = None
        self.instructions_retired = 0
        self._source = source
        self._observers = tuple(observers)
        sparse = tuple(each for each in self._observers if isinstance(each, SparseObserver))
        self._sparse = sparse
        self._sees_all = len(sparse) != len(self._observers)
        self._lane = None if self._sees_all else lane
        self._lane_engine = machine.engine

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
        decode, encode = machine.monitor.decode, machine.monitor.encode
        answer = self._source.answer
        last = sys.maxsize if until_event is None else until_event
        due = self._due()
        while self.events < last:
            exit_ = machine.engine.run() if self._lane is None else self._run_to_door(last)
            if exit_ is None:
                continue
            if type(exit_) is Interrupted:
                return Stopped()
            crossing = decode(exit_, machine.memory)
            if isinstance(crossing, Answered):
                machine.engine.set_registers(crossing.registers)
                continue
            call = self.pending = crossing.call
            try:
                result = answer(call)
            except WaitInterrupted:
                return Stopped()
            changes = encode(crossing, result, machine.memory)
            if changes:
                machine.engine.set_registers(changes)
            self.pending = None
            self.events += 1
            if self.events > due:
                due = self._tell_observers(call, result)
            if type(call) is Halt:
                return Halted(call.status, call.cookie)
            if type(call) is Misuse:
                return Misused(call.kind, call.detail)
        return Reached()

    def run_instructions(self, count: int) -> Ending | None:
        """Run ``count`` instructions without crossing the door; ``None`` when a crossing comes
        first, after which the machine is used up. ``instructions_retired`` says how many ran."""
        machine = self.machine
        engine = counting_engine(machine)
        self.instructions_retired = 0
        while True:
            exit_ = engine.run_instructions(count - self.instructions_retired)
            self.instructions_retired += engine.instructions_retired
            if isinstance(exit_, TargetReached):
                return Reached()
            if isinstance(exit_, Interrupted):
                return Stopped()
            decoded = machine.monitor.decode(exit_, machine.memory)
            if not isinstance(decoded, Answered):
                return None
            machine.engine.set_registers(decoded.registers)

    def _tell_observers(self, call: Call, result: Result) -> int:
        """Show them the crossing that was just answered; which one is the next that they need."""
        for observer in self._observers:
            observer.crossed(self.events - 1, call, result)
        return self._due()

    def _due(self) -> int:
        """The next crossing that an observer must see."""
        if self._sees_all:
            return 0
        return min([sys.maxsize, *(each.due for each in self._sparse)])

    def _run_to_door(self, last: int) -> Exit | None:
        """The next exit that the door must answer; ``None`` when the lane came as far as it may."""
        engine, lane = self.machine.engine, self._lane
        if lane is None or engine is not self._lane_engine:
            return engine.run()
        room = min(last, self._due()) - self.events
        if room <= 0:
            return engine.run()
        exit_, answered = lane.run(room)
        self.events += answered
        return exit_
