"""The door, between an engine, a monitor and a source that write down every step."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from monitors.calls import Call, Result
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.traps import READ_TSC, TscReading
from monitors.errors import BadAnswer
from monitors.hvt.abi import HVT_HYPERCALL_PIO_BASE, Hypercall
from monitors.hvt.monitor import HvtMonitor
from monitors.manifest import Manifest
from monitors.ports import (
    Answered,
    Breakpoint,
    Crossing,
    Exit,
    Interrupted,
    PortWrite,
    Registers,
    TargetReached,
    Trap,
    TrapKind,
)
from replay.engines.errors import EngineUnavailable, NotReproducible
from replay.machine import handover
from replay.machine.ending import Halted, Misused, Paused, Reached, Stopped
from replay.machine.errors import DeviceFailure, WaitInterrupted
from replay.machine.interpose import Interposer
from replay.machine.position import Position

Steps = list[tuple[Any, ...]]
ANSWERS: dict[type, Result] = {
    type(WALL_CLOCK): ClockReading(1),
    type(MONOTONIC_CLOCK): ClockReading(2),
    type(READ_TSC): TscReading(3),
    ConsoleWrite: DONE,
    Halt: DONE,
    Misuse: DONE,
}


class Engine:
    """Gives the exits of ``exits`` one after the other; the test fails when it has no more."""

    def __init__(self, steps: Steps, exits: list[Any]) -> None:
        self.steps = steps
        self._exits = iter(exits)

    def run(self) -> Any:
        self.steps.append(("run",))
        exit_ = next(self._exits)
        if isinstance(exit_, Exception):
            raise exit_
        return exit_

    def set_registers(self, values: Registers) -> None:
        self.steps.append(("set", dict(values)))


class CountingEngine(Engine):
    """One that can count; ``retired`` is what it says that it ran."""

    retired = 0

    @property
    def instructions_retired(self) -> int:
        return self.retired

    def run_instructions(self, count: int) -> Any:
        self.steps.append(("count", count))
        exit_ = next(self._exits)
        self.retired = count if isinstance(exit_, TargetReached) else count - 1
        return exit_


class Monitor:
    """One for which an exit is the call itself; ``changes`` are the registers of its answers."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.changes: Registers = {}
        self.error: Exception | None = None

    def decode(self, exit_: Any, memory: object) -> Crossing:
        self.steps.append(("decode", exit_, memory))
        return Crossing(exit_)

    def encode(self, crossing: Crossing, result: Result, memory: object) -> Registers:
        self.steps.append(("encode", crossing.call, result, memory))
        if self.error is not None:
            raise self.error
        return self.changes


class World:
    """A source; ``before`` is called with every call before its answer."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.before: Callable[[Call], object] = id

    def answer(self, call: Call) -> Result:
        self.steps.append(("answer", call))
        self.before(call)
        return ANSWERS[type(call)]


class Watcher:
    def __init__(self, steps: Steps, name: str = "crossed") -> None:
        self.steps = steps
        self.name = name

    def crossed(self, index: int, call: Call, result: Result) -> None:
        self.steps.append((self.name, index, call, result))


class Stage:
    """A machine of fakes under an interposer; ``steps`` is what happened."""

    def __init__(self, *exits: Any, engine: type[Engine] = Engine) -> None:
        self.steps: Steps = []
        self.engine = engine(self.steps, list(exits))
        self.monitor = Monitor(self.steps)
        self.world = World(self.steps)
        self.memory = object()
        machine: Any = SimpleNamespace(
            engine=self.engine, monitor=self.monitor, memory=self.memory, resting=None
        )
        watchers = [Watcher(self.steps), Watcher(self.steps, "second")]
        self.door = Interposer(machine, self.world, watchers)

    def kinds(self) -> list[str]:
        return [step[0] for step in self.steps]


def raising(error: Exception) -> Callable[[Call], object]:
    def raise_it(_call: Call) -> object:
        raise error

    return raise_it


def test_the_steps_of_a_crossing_and_their_order() -> None:
    stage = Stage(WALL_CLOCK)
    stage.monitor.changes = {"rax": 5}
    assert stage.door.run(1) == Reached()
    assert stage.steps == [
        ("run",),
        ("decode", WALL_CLOCK, stage.memory),
        ("answer", WALL_CLOCK),
        ("encode", WALL_CLOCK, ClockReading(1), stage.memory),
        ("set", {"rax": 5}),
        ("crossed", 0, WALL_CLOCK, ClockReading(1)),
        ("second", 0, WALL_CLOCK, ClockReading(1)),
    ]


def test_registers_are_left_alone_when_the_answer_is_in_memory() -> None:
    stage = Stage(WALL_CLOCK)
    stage.door.run(1)
    assert "set" not in stage.kinds()


def test_crossings_are_numbered_from_zero() -> None:
    calls = [WALL_CLOCK, READ_TSC, ConsoleWrite(b"x"), WALL_CLOCK]
    stage = Stage(*calls)
    assert stage.door.run(4) == Reached()
    seen = [(step[1], step[2]) for step in stage.steps if step[0] == "crossed"]
    assert seen == list(enumerate(calls))
    assert stage.door.events == 4


def test_a_run_goes_on_where_the_last_one_stopped() -> None:
    stage = Stage(WALL_CLOCK, READ_TSC, Halt(0))
    assert stage.door.run(1) == Reached()
    assert stage.door.events == 1
    assert stage.door.run(2) == Reached()
    assert stage.door.run() == Halted(0)
    assert stage.door.events == 3


@pytest.mark.parametrize("until", [0, 1, 2])
def test_nothing_runs_when_as_many_crossings_are_done(until: int) -> None:
    stage = Stage(WALL_CLOCK, WALL_CLOCK, WALL_CLOCK)
    stage.door.run(2)
    stage.steps.clear()
    assert stage.door.run(until) == Reached()
    assert stage.steps == []
    assert stage.door.events == 2


def test_a_guest_that_halts() -> None:
    stage = Stage(WALL_CLOCK, Halt(-3, b"cookie"))
    assert stage.door.run() == Halted(-3, b"cookie")
    assert stage.steps[-1] == ("second", 1, Halt(-3, b"cookie"), DONE)
    assert (stage.door.events, stage.door.pending) == (2, None)


def test_a_guest_that_breaks_a_rule() -> None:
    misuse = Misuse(MisuseKind.INVALID_POINTER, "what it did")
    stage = Stage(misuse)
    assert stage.door.run() == Misused(MisuseKind.INVALID_POINTER, "what it did")
    assert stage.steps[-1] == ("second", 0, misuse, DONE)
    assert stage.door.events == 1


def test_the_end_counts_before_the_event_asked_for() -> None:
    assert Stage(Halt(7)).door.run(1) == Halted(7)


def test_an_interrupted_engine_stops_between_crossings() -> None:
    stage = Stage(WALL_CLOCK, Interrupted(), READ_TSC)
    assert stage.door.run(5) == Stopped()
    assert (stage.door.events, stage.door.pending) == (1, None)
    assert stage.kinds()[-1] == "run"
    assert stage.door.run(2) == Reached()


def test_an_interrupted_wait_leaves_its_call_unanswered() -> None:
    stage = Stage(WALL_CLOCK, READ_TSC)
    stage.door.run(1)
    stage.steps.clear()
    stage.world.before = raising(WaitInterrupted("now"))
    assert stage.door.run() == Stopped()
    assert (stage.door.events, stage.door.pending) == (1, READ_TSC)
    assert stage.kinds() == ["run", "decode", "answer"]


def test_a_call_whose_wait_was_interrupted_is_asked_again() -> None:
    stage = Stage(WALL_CLOCK, READ_TSC)
    answer = stage.world.before
    stage.world.before = raising(WaitInterrupted("now"))
    for _ in range(2):
        assert stage.door.run() == Stopped()
        assert (stage.door.events, stage.door.pending) == (0, WALL_CLOCK)
    stage.steps.clear()
    stage.world.before = answer
    assert stage.door.run(0) == Reached()
    assert stage.kinds() == []
    assert stage.door.run(2) == Reached()
    assert stage.door.events == 2
    assert stage.kinds().count("run") == 1


def test_counting_goes_on_with_the_call_whose_wait_was_interrupted() -> None:
    stage = Stage(WALL_CLOCK, TargetReached(), engine=CountingEngine)
    answer = stage.world.before
    stage.world.before = raising(WaitInterrupted("now"))
    for _ in range(2):
        assert stage.door.advance(10, 5) == Stopped()
    assert (stage.door.events, stage.door.instructions) == (0, 9)
    stage.world.before = answer
    steps = stage.door.steps
    assert stage.door.advance(1, 5) == Reached()
    assert (stage.door.events, stage.door.instructions, stage.door.steps) == (1, 0, steps + 1)


def test_a_door_that_was_put_elsewhere_asks_nothing_again() -> None:
    stage = Stage(WALL_CLOCK, TargetReached(), engine=CountingEngine)
    stage.world.before = raising(WaitInterrupted("now"))
    stage.door.advance(10, 5)
    stage.door.jump(Position(3))
    assert stage.door.advance(2, 5) == Reached()
    assert (stage.door.events, stage.door.pending) == (3, None)


def test_the_call_is_pending_while_the_source_works() -> None:
    stage = Stage(WALL_CLOCK, READ_TSC)
    seen: list[tuple[Call, Call | None]] = []
    stage.world.before = lambda call: seen.append((call, stage.door.pending))
    assert stage.door.pending is None
    stage.door.run(2)
    assert seen == [(WALL_CLOCK, WALL_CLOCK), (READ_TSC, READ_TSC)]
    assert stage.door.pending is None


def test_a_failing_device_is_not_swallowed() -> None:
    stage, failure = Stage(WALL_CLOCK), DeviceFailure("out of order")
    stage.world.before = raising(failure)
    with pytest.raises(DeviceFailure) as caught:
        stage.door.run()
    assert caught.value is failure
    assert (stage.door.events, stage.door.pending) == (0, WALL_CLOCK)
    assert stage.kinds() == ["run", "decode", "answer"]


def test_an_answer_that_does_not_fit_is_no_crossing() -> None:
    stage = Stage(WALL_CLOCK)
    stage.monitor.error = BadAnswer(WALL_CLOCK, DONE, "expected ClockReading")
    stage.monitor.changes = {"rax": 5}
    with pytest.raises(BadAnswer):
        stage.door.run()
    assert (stage.door.events, stage.door.pending) == (0, WALL_CLOCK)
    assert stage.kinds() == ["run", "decode", "answer", "encode"]


def test_what_an_engine_raises_is_not_swallowed() -> None:
    stage = Stage(WALL_CLOCK, NotReproducible(0x1000, "vaddps", "it is AVX", "build without"))
    with pytest.raises(NotReproducible):
        stage.door.run()
    assert (stage.door.events, stage.door.pending) == (1, None)


def test_what_an_observer_raises_comes_after_the_crossing() -> None:
    class Strict:
        def crossed(self, index: int, _call: Call, _result: Result) -> None:
            if index == 1:
                raise LookupError("not the state expected")

    stage = Stage(WALL_CLOCK, READ_TSC, WALL_CLOCK)
    door = Interposer(stage.door.machine, stage.world, [Strict(), Watcher(stage.steps)])
    with pytest.raises(LookupError):
        door.run()
    assert (door.events, door.pending) == (2, None)
    assert [step[1] for step in stage.steps if step[0] == "crossed"] == [0]


# ---- instructions


def test_instructions_up_to_a_count() -> None:
    stage = Stage(TargetReached(), engine=CountingEngine)
    assert stage.door.advance(1017, 1) == Reached()
    assert stage.door.instructions == 1017
    assert stage.steps == [("count", 1017)]
    assert stage.door.events == 0


def test_a_crossing_is_answered_and_costs_what_it_should() -> None:
    stage = Stage(WALL_CLOCK, TargetReached(), engine=CountingEngine)
    pieces: list[tuple[Position, int]] = []
    ending = stage.door.advance(
        10, 5, crossing_costs=0, stretched=lambda begin, count: pieces.append((begin, count))
    )
    assert ending == Reached()
    assert pieces == [(Position(0), 9), (Position(1), 1)]
    assert (stage.door.events, stage.door.instructions) == (1, 1)


def test_advancing_ends_behind_the_last_event_wanted() -> None:
    stage = Stage(WALL_CLOCK, engine=CountingEngine)
    assert stage.door.advance(10, 1) == Reached()
    assert (stage.door.events, stage.door.instructions) == (1, 0)


def test_an_observer_can_pause_the_advance() -> None:
    class Pausing:
        def crossed(self, index: int, call: Call, result: Result) -> None:
            door.pause()

    stage = Stage(WALL_CLOCK, engine=CountingEngine)
    door = Interposer(stage.door.machine, stage.world, [Pausing()])
    assert door.advance(10, 5) == Reached()
    assert door.events == 1


def test_an_engine_that_stops_for_a_debugger() -> None:
    stage = Stage(Breakpoint(0x1000), engine=CountingEngine)
    assert stage.door.advance(10, 1) == Paused(Breakpoint(0x1000))
    assert stage.door.instructions == 9


def test_an_interrupted_count() -> None:
    stage = Stage(Interrupted(), engine=CountingEngine)
    assert stage.door.advance(10, 1) == Stopped()
    assert stage.door.instructions == 9


def test_a_door_that_was_put_elsewhere_counts_from_there() -> None:
    stage = Stage(TargetReached(), WALL_CLOCK, engine=CountingEngine)
    stage.door.jump(Position(41, 7))
    assert stage.door.advance(3, 42) == Reached()
    assert (stage.door.events, stage.door.instructions) == (41, 10)
    assert stage.door.advance(3, 42) == Reached()
    assert (stage.door.events, stage.door.instructions) == (42, 0)


def test_where_no_engine_can_count_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise EngineUnavailable(name, "not here")

    monkeypatch.setattr(handover, "engine_factory", missing)
    stage = Stage(WALL_CLOCK)
    with pytest.raises(EngineUnavailable, match="unicorn is not available: not here"):
        stage.door.advance(1, 1)
    assert stage.steps == []


def test_what_the_monitor_answers_itself_counts_as_an_instruction() -> None:
    stage = Stage(WALL_CLOCK, engine=CountingEngine)
    stage.door.machine.monitor = SimpleNamespace(decode=lambda *_: Answered({"rax": 7}))
    assert stage.door.advance(10, 1) == Reached()
    assert stage.door.instructions == 10
    assert stage.steps == [("count", 10), ("set", {"rax": 7})]


# ---- with a real monitor


class Memory:
    """Guest memory without a guest."""

    def __init__(self) -> None:
        self.bytes = bytearray(4096)

    def read(self, gpa: int, size: int) -> bytes:
        return bytes(self.bytes[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        self.bytes[gpa : gpa + len(data)] = data


def hvt_stage(*exits: Exit) -> tuple[Stage, Memory]:
    stage, raw = Stage(*exits), Memory()
    monitor = HvtMonitor(Manifest())
    stage.door.machine.monitor = monitor
    stage.door.machine.memory = monitor.memory(raw, 4096)
    return stage, raw


WALL_CLOCK_EXIT = PortWrite(HVT_HYPERCALL_PIO_BASE + Hypercall.WALLTIME, 0x100, 4)


def test_observers_see_the_answer_in_the_guest() -> None:
    stage, raw = hvt_stage(WALL_CLOCK_EXIT)
    seen: list[bytes] = []

    class Looker:
        def crossed(self, _index: int, _call: Call, _result: Result) -> None:
            seen.append(raw.read(0x100, 8))

    assert Interposer(stage.door.machine, stage.world, [Looker()]).run(1) == Reached()
    assert seen == [(1).to_bytes(8, "little")]


def test_a_trapped_instruction_is_answered_in_registers() -> None:
    stage, raw = hvt_stage(Trap(TrapKind.RDTSC))
    assert stage.door.run(1) == Reached()
    assert ("set", {"rax": 3, "rdx": 0}) in stage.steps
    assert not any(raw.bytes)


@pytest.mark.parametrize("answer", [DONE, ClockReading(1 << 64), ClockReading(-1)])
def test_a_foreign_answer_changes_nothing(answer: Result) -> None:
    stage, raw = hvt_stage(WALL_CLOCK_EXIT)
    source = SimpleNamespace(answer=lambda _call: answer)
    door = Interposer(stage.door.machine, source)
    with pytest.raises(BadAnswer):
        door.run()
    assert (door.events, door.pending) == (0, WALL_CLOCK)
    assert not any(raw.bytes)
