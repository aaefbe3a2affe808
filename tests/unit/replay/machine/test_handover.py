"""Changing engines while a guest runs, and going away to count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from monitors.calls import Call, Result
from monitors.ports import Exit, Protection, Registers
from replay.engines.errors import CannotGoOn, EngineFailure, EngineUnavailable
from replay.engines.ports import CountsInstructions, Engine
from replay.engines.ram import GuestRam
from replay.machine import handover
from replay.machine.digest import machine_digest
from replay.machine.ending import Halted, Reached
from replay.machine.handover import begin_detour, counting_engine, end_detour, hand_over
from replay.machine.interpose import Interposer
from replay.machine.machine import Machine
from replay.testing.cases import scripted_world
from replay.toolchain.programs import find_program
from tests.unit.replay.recordings import Recorder, new_engine


class PlainEngine:
    """A real engine of which only the port is to be seen: it cannot count."""

    def __init__(self) -> None:
        self.inner = new_engine()
        self.closed = False

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        self.inner.map(ram, protections)

    def read(self, gpa: int, size: int) -> bytes:
        return self.inner.read(gpa, size)

    def write(self, gpa: int, data: bytes) -> None:
        self.inner.write(gpa, data)

    def registers(self) -> Registers:
        return self.inner.registers()

    def set_registers(self, values: Registers) -> None:
        self.inner.set_registers(values)

    def run(self) -> Exit:
        return self.inner.run()

    def interrupt(self) -> None:
        self.inner.interrupt()

    def close(self) -> None:
        self.closed = True
        self.inner.close()


class BrokenEngine(PlainEngine):
    """One that cannot take a state over."""

    made: Sequence[BrokenEngine] = ()

    def set_registers(self, values: Registers) -> None:
        BrokenEngine.made = (self,)
        raise EngineFailure("no")


class StuckEngine(PlainEngine):
    """One that comes to an instruction that it cannot execute, after a few exits."""

    exits_left = 5
    name = "kvm"

    def run(self) -> Exit:
        if not self.exits_left:
            raise CannotGoOn(self.name, self.registers()["rip"], "no such instruction here")
        self.exits_left -= 1
        return super().run()


@pytest.fixture
def machine(recorder: Recorder) -> Iterator[Machine]:
    made = recorder.machine(recorder.plan("hello"))
    yield made
    made.close()


def door_of(machine: Machine, *observers: Any) -> Interposer:
    case = next(iter(find_program("hello").cases()))
    return Interposer(machine, scripted_world(case, machine.plan), observers)


def final_digest(recorder: Recorder) -> tuple[object, int]:
    machine = recorder.machine(recorder.plan("hello"))
    try:
        door = door_of(machine)
        assert isinstance(door.run(), Halted)
        return machine_digest(machine), door.events
    finally:
        machine.close()


class Changer:
    """Hands the machine over at every crossing."""

    def __init__(self, machine: Machine) -> None:
        self.engines: list[Engine] = []
        self._machine = machine

    def crossed(self, _index: int, _call: Call, _result: Result) -> None:
        self.engines.append(self._machine.engine)
        hand_over(self._machine, new_engine)


def test_a_run_goes_on_whoever_has_it(recorder: Recorder, machine: Machine) -> None:
    changer = Changer(machine)
    door = door_of(machine, changer)
    assert isinstance(door.run(), Halted)
    assert (machine_digest(machine), door.events) == final_digest(recorder)
    assert len(set(map(id, changer.engines))) == door.events


def test_the_state_moves_whole(machine: Machine) -> None:
    assert door_of(machine).run(3) == Reached()
    before, memory = machine.engine.registers(), machine.memory
    hand_over(machine, new_engine)
    assert machine.engine.registers() == before
    assert machine.memory is not memory


def test_an_engine_that_fails_to_take_over_is_closed_and_the_old_one_stays(
    machine: Machine,
) -> None:
    before = machine.engine
    with pytest.raises(EngineFailure):
        hand_over(machine, BrokenEngine)
    assert machine.engine is before
    assert [engine.closed for engine in BrokenEngine.made] == [True]
    assert door_of(machine).run(2) == Reached()


def test_the_old_engine_is_closed(machine: Machine) -> None:
    hand_over(machine, PlainEngine)
    plain = machine.engine
    hand_over(machine, new_engine)
    assert isinstance(plain, PlainEngine)
    assert plain.closed


def test_an_engine_that_counts_stays_where_it_is(machine: Machine) -> None:
    before = machine.engine
    assert counting_engine(machine) is before
    assert machine.resting is None


def test_counting_makes_a_detour_that_the_next_run_ends(
    recorder: Recorder, machine: Machine
) -> None:
    hand_over(machine, PlainEngine)
    home = machine.engine
    door = door_of(machine)
    assert door.run(2) == Reached()
    assert door.advance(5, 3) == Reached()
    assert machine.resting is home
    assert isinstance(machine.engine, CountsInstructions)
    assert door.advance(4, 3) == Reached()
    away = machine.engine.registers()
    end_detour(machine)
    assert machine.engine is home
    assert home.registers() == away
    assert isinstance(door.run(), Halted)
    assert (machine_digest(machine), door.events) == final_digest(recorder)


def test_what_happened_to_memory_on_a_detour_is_known_at_home(
    recorder: Recorder, machine: Machine
) -> None:
    begin_detour(machine, new_engine)
    away = door_of(machine)
    events = final_digest(recorder)[1] // 2
    machine.resting, home = None, machine.resting  # the door would end the detour at once
    assert away.run(events) == Reached()
    machine.resting = home
    end_detour(machine)
    state = machine_digest(machine)
    other = recorder.machine(recorder.plan("hello"))
    try:
        assert door_of(other).run(events) == Reached()
        assert machine_digest(other) == state
    finally:
        other.close()


def test_closing_a_machine_on_a_detour_ends_both_engines(machine: Machine) -> None:
    hand_over(machine, PlainEngine)
    home = machine.engine
    begin_detour(machine, PlainEngine)
    away = machine.engine
    machine.close()
    assert isinstance(home, PlainEngine)
    assert isinstance(away, PlainEngine)
    assert home.closed
    assert away.closed


def test_a_machine_passes_interruptions_to_the_engine_at_work(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    begin_detour(machine, PlainEngine)
    monkeypatch.setattr(machine.engine, "interrupt", lambda: asked.append("away"))
    machine.interrupt()
    assert asked == ["away"]


def test_an_engine_for_counting_that_cannot_count(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(machine, PlainEngine)
    monkeypatch.setattr(handover, "engine_factory", lambda _name: PlainEngine)
    with pytest.raises(EngineUnavailable, match="it does not count"):
        counting_engine(machine)


def test_an_engine_that_cannot_go_on_is_replaced(machine: Machine) -> None:
    hand_over(machine, StuckEngine)
    stuck = machine.engine
    assert isinstance(door_of(machine).run(), Halted)
    assert getattr(stuck, "closed", False)
    (note,) = machine.notes
    assert note.startswith("engine unicorn instead of kvm from 0x")
    assert note.endswith("before event 5 on: no such instruction here")


def test_the_last_resort_has_none_itself(machine: Machine) -> None:
    class Unicorn(StuckEngine):
        name = "unicorn"

    hand_over(machine, Unicorn)
    with pytest.raises(CannotGoOn, match="no such instruction here"):
        door_of(machine).run()
    assert machine.notes == []
