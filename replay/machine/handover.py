"""Another engine goes on where one stands, between any two of the guest's instructions.

All engines map the same memory, so what moves is the processor's state. A *hand-over* is for good.
A *detour* keeps the machine's own engine as it is, until the other one has come to a position that
only it can find: one inside a stretch between two events, counted in instructions.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.engines.errors import CannotGoOn, EngineUnavailable
from replay.engines.ports import CountsInstructions, Engine
from replay.engines.registry import COUNTING_ENGINE, engine_factory
from replay.machine.machine import Machine

EngineFactory = Callable[[], Engine]


def hand_over(machine: Machine, factory: EngineFactory) -> None:
    """Put a new engine in place of the one at work; where that fails, the old one stays.

    Raises what ``factory``, ``Engine.map`` and ``Engine.set_registers`` raise.
    """
    end_detour(machine)
    before = machine.engine
    machine.use(_engine_in_state(machine, factory))
    before.close()


def carry_on(machine: Machine, stuck: CannotGoOn, event: int) -> None:
    """Hand over to the engine that runs everything, before event number ``event``; the machine
    takes a note of it. Raises ``stuck`` where that engine is at work already."""
    if stuck.engine == COUNTING_ENGINE:
        raise stuck
    hand_over(machine, engine_factory(COUNTING_ENGINE))
    machine.notes.append(
        f"engine {COUNTING_ENGINE} instead of {stuck.engine} from {stuck.rip:#x} before "
        f"event {event} on: {stuck.why}"
    )


def begin_detour(machine: Machine, factory: EngineFactory) -> None:
    """Go on with a new engine for a while; ``end_detour`` returns to the present one."""
    end_detour(machine)
    before = machine.engine
    machine.use(_engine_in_state(machine, factory))
    machine.resting = before


def end_detour(machine: Machine) -> None:
    """Go on with the machine's own engine, if another one is at work."""
    home, away = machine.resting, machine.engine
    if home is None:
        return
    home.set_registers(away.registers())
    machine.resting = None
    machine.use(home)
    away.close()


def counting_engine(machine: Machine) -> CountsInstructions:
    """The engine at work, or on a detour one that counts instructions.

    Raises ``EngineUnavailable`` where this host has none.
    """
    if not isinstance(machine.engine, CountsInstructions):
        begin_detour(machine, engine_factory(COUNTING_ENGINE))
    engine = machine.engine
    if not isinstance(engine, CountsInstructions):
        raise EngineUnavailable(type(engine).__name__, "it does not count instructions")
    return engine


def _engine_in_state(machine: Machine, factory: EngineFactory) -> Engine:
    registers = machine.engine.registers()
    engine = factory()
    try:
        engine.map(machine.ram, machine.protections)
        engine.set_registers(registers)
    except BaseException:
        engine.close()
        raise
    return engine
