"""What engines offer to debuggers: it is right, and the guest and its digests do not notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from monitors.calls import Call, Result
from monitors.ports import Breakpoint, Exit, Watched
from replay.engines.agents import HasAgent
from replay.engines.ports import (
    Access,
    Breaks,
    Engine,
    Snapshots,
    Steps,
    TracksDirtyPages,
    Watches,
    Watchpoint,
)
from replay.engines.ram import PAGE_BYTES
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.player.session import ReplaySession
from replay.player.symbols import Symbols
from replay.testing.digests import DigestCheck, entry_count
from tests.conformance.platforms import Platform, Trial, reference_of, require, trials_of
from tests.conformance.studio import Recording, Studio
from traces.reader import open_trace

RUNS = ("hello-hello", "exception-default", "fpu-default")
BREAKPOINTS = 3
HITS_MAX = 40
EVENTS_MAX = 12
"""Of longer runs only as many are looked at, spread evenly."""
STEPS = 5
STACK_BYTES = 8


class Stops:
    """Notes where an engine stops for breakpoints and watchpoints, and lets it go on."""

    def __init__(self, engine: Any) -> None:
        self.noted: list[Breakpoint | Watched] = []
        self._engine = engine
        self._run: Callable[[], Exit] = engine.run
        engine.run = self.run
        if isinstance(engine, HasAgent) and engine.agent is not None:
            self._agent_run: Any = engine.agent.run
            engine.agent.run = self.run_agent  # type: ignore[method-assign]

    def run(self) -> Exit:
        while self._is_stop(exit_ := self._run()):
            pass
        return exit_

    def run_agent(self, room: int) -> tuple[Exit | None, int]:
        total = 0
        while True:
            exit_, answered = self._agent_run(room - total)
            total += answered
            if not self._is_stop(exit_):
                return exit_, total

    def _is_stop(self, exit_: Exit | None) -> bool:
        if not isinstance(exit_, Breakpoint | Watched):
            return False
        assert self._engine.registers()["rip"] == exit_.rip
        self.noted.append(exit_)
        if len(self.noted) == HITS_MAX:  # a guest may spend its life in one function
            self._engine.set_breakpoints(())
            self._engine.set_watchpoints(())
        return True


def replay(
    recording: Recording,
    platform: Platform,
    prepare: Callable[[Engine, Machine], object],
    observers: Callable[[Machine], Sequence[Observer]] | None = None,
) -> None:
    """To its end, which must be that of the recording."""
    with open_trace(recording.trace) as trace, platform.selected(), ExitStack() as stack:
        session = ReplaySession(trace, platform.make_engine(), observers=observers)
        stack.callback(session.close)
        prepare(session.machine.engine, session.machine)
        replayed = session.run()
    assert replayed.ending == recording.ending
    assert replayed.position.event == recording.events


def recording_of(studio: Studio, trial: Trial) -> Recording:
    """By the reference: an engine under test cannot be in agreement with itself alone."""
    return studio.recording(Trial(reference_of(trial.platform), trial.program, trial.case))


def functions_of(studio: Studio, trial: Trial) -> list[int]:
    """Where some functions of a guest begin."""
    image = studio.plan(trial).guest
    names = Symbols(image)._functions
    wanted = ("solo5_app_main", "solo5_exit", "solo5_console_write", "puts", "strlen")
    return [each.address for each in names if each.name in wanted][:BREAKPOINTS]


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_breakpoints_are_not_noticed(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name, Breaks)
    recording, functions = recording_of(studio, trial), functions_of(studio, trial)
    log = recording.log.read_bytes()
    assert functions
    noted = []
    for is_watched_over in (True, False):  # without anybody, lanes are in use
        checks: list[DigestCheck] = []
        stops: list[Stops] = []

        def observers(machine: Machine, checks: list[DigestCheck] = checks) -> Sequence[Observer]:
            checks.append(DigestCheck(machine, log))
            return checks

        def prepare(engine: Any, _machine: Machine, stops: list[Stops] = stops) -> None:
            stops.append(Stops(engine))
            engine.set_breakpoints(functions)

        replay(recording, trial.platform, prepare, observers if is_watched_over else None)
        noted.append(stops[0].noted)
        assert not checks or checks[0].compared == entry_count(log) > 0
    assert noted[0] == noted[1]
    assert {each.rip for each in noted[0]} <= set(functions)
    assert noted[0]


def require_watchpoints(platform: Platform) -> None:
    """Skip where the engine says itself that this host has none."""
    with platform.selected():
        engine = platform.make_engine()
    try:
        if isinstance(engine, Watches) and not engine.watches_max:
            pytest.skip(f"{platform.name}: this host's KVM does not stop at accesses to memory")
    finally:
        engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_watchpoints_are_not_noticed(studio: Studio, trial: Trial) -> None:
    """The word below the stack that a guest begins with, which its first call writes to."""
    require(trial.platform, trial.program.name, Watches)
    require_watchpoints(trial.platform)
    recording = recording_of(studio, trial)
    log = recording.log.read_bytes()
    stops: list[Stops] = []
    checks: list[DigestCheck] = []

    def observers(machine: Machine) -> Sequence[Observer]:
        checks.append(DigestCheck(machine, log))
        return checks

    def prepare(engine: Any, _machine: Machine) -> None:
        stops.append(Stops(engine))
        stack = engine.registers()["rsp"] & -STACK_BYTES
        words = [stack - STACK_BYTES * number for number in (1, 2)]
        engine.set_watchpoints([Watchpoint(at, STACK_BYTES, Access.WRITE) for at in words])

    replay(recording, trial.platform, prepare, observers)
    assert stops[0].noted
    assert checks[0].compared == entry_count(log)


class Wanderer:
    """An observer that leads the guest astray at some crossings, and back."""

    def __init__(self, machine: Machine, events: int) -> None:
        self.trips = 0
        self._machine = machine
        self._every = 1 + events // EVENTS_MAX

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        engine: Any = self._machine.engine
        if index % self._every or not isinstance(engine, Snapshots):
            return
        snapshot = engine.snapshot()
        registers = engine.registers()
        if isinstance(engine, Steps):
            for _ in range(STEPS):
                engine.step()
        engine.write(registers["rsp"] - 4096, b"nonsense" * 512)
        engine.set_registers({"rbx": 1, "xmm3": 2})
        engine.restore(snapshot)
        assert engine.registers() == registers
        self.trips += 1


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of(*RUNS), ids=str)
def test_a_guest_that_was_led_astray_comes_back(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name, Snapshots)
    recording = recording_of(studio, trial)
    log = recording.log.read_bytes()
    watchers: list[tuple[Wanderer, DigestCheck]] = []

    def observers(machine: Machine) -> Sequence[Observer]:
        watchers.append((Wanderer(machine, recording.events), DigestCheck(machine, log)))
        return watchers[0]

    replay(recording, trial.platform, lambda _engine, _machine: None, observers)
    assert watchers[0][0].trips > 0
    assert watchers[0][1].compared == entry_count(log)


class Accountant:
    """An observer that keeps a copy of memory, and changes it only where pages are said dirty."""

    def __init__(self, machine: Machine, events: int) -> None:
        self.looks = 0
        self._machine = machine
        self._every = 1 + events // EVENTS_MAX
        self._copy = b""
        self._engine: object = None

    def crossed(self, index: int, _call: Call, _result: Result) -> None:
        """See ``replay.machine.ports.Observer``."""
        engine = self._machine.engine
        if index % self._every or not isinstance(engine, TracksDirtyPages):
            return
        pages = engine.dirty_pages()
        assert list(pages) == sorted(set(pages))
        now = bytes(self._machine.ram.view)
        known = bytearray(self._copy or bytes(len(now)))
        for page in pages:
            at = slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
            known[at] = now[at]
        assert known == now, index
        is_first = engine is not self._engine  # also of one that goes on where KVM cannot
        assert is_first or len(pages) < len(now) // PAGE_BYTES // 4
        self._engine = engine
        self._copy = now
        self.looks += 1


@pytest.mark.slow
@pytest.mark.parametrize("trial", trials_of("hello-hello", "fpu-default"), ids=str)
def test_pages_that_change_are_dirty(studio: Studio, trial: Trial) -> None:
    require(trial.platform, trial.program.name, TracksDirtyPages)
    recording = recording_of(studio, trial)
    watchers: list[Accountant] = []

    def observers(machine: Machine) -> Sequence[Observer]:
        watchers.append(Accountant(machine, recording.events))
        return watchers

    replay(recording, trial.platform, lambda _engine, _machine: None, observers)
    assert watchers[0].looks > 1
