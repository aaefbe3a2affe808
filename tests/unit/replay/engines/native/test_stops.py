"""Breakpoints and watchpoints beside an agent's jumps."""

from __future__ import annotations

import pytest

from monitors.ports import Breakpoint, Trap, TrapKind, UserFault, Watched
from replay.engines.agents import AgentDevices, CrossingAgent
from replay.engines.native.engine import NativeEngine
from replay.engines.ports import Access, Watchpoint
from tests.unit.replay.agents import require_agent
from tests.unit.replay.engines.guests import CODE, HEAP
from tests.unit.replay.engines.native.machines import UserGuest

# cpuid; then a site with room for a jump: rdtsc; shl rdx, 32; or rax, rdx; push rax; ud2
CODE_BYTES = b"\x0f\xa2" + b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0" + b"\x50\x0f\x0b"
SITE, SHIFT, PUSH = CODE + 2, CODE + 4, CODE + 11
TOP = HEAP + 0x10000


def started(engine: NativeEngine) -> CrossingAgent:
    """The agent, at work; the guest stands behind the cpuid."""
    agent = engine.agent
    assert agent is not None
    assert agent.record("spt", AgentDevices(tsc_hz=1_000_000_000))
    assert isinstance(agent.run(9)[0], Trap)
    return agent


def test_without_any_the_agent_answers() -> None:
    require_agent()
    with UserGuest(CODE_BYTES) as engine:
        exit_, answered = started(engine).run(9)
        assert isinstance(exit_, UserFault)
        assert answered == 1


@pytest.mark.parametrize("at", [SHIFT, SHIFT + 4])
def test_a_breakpoint_within_a_jump(at: int) -> None:
    """The door answers this site then; the next time the agent has it again."""
    require_agent()
    with UserGuest(CODE_BYTES) as engine:
        agent = started(engine)
        engine.set_breakpoints({at})
        assert agent.run(9) == (Trap(TrapKind.RDTSC), 0)
        assert agent.run(9) == (Breakpoint(at), 0)
        exit_, answered = agent.run(9)
        assert isinstance(exit_, UserFault)
        engine.set_breakpoints(())
        engine.set_registers({"rip": SITE})
        exit_, answered = agent.run(9)
        assert isinstance(exit_, UserFault)
        assert answered == 1


def test_a_breakpoint_at_a_jump_and_behind_it() -> None:
    require_agent()
    with UserGuest(CODE_BYTES) as engine:
        agent = started(engine)
        engine.set_breakpoints({SITE, PUSH})
        engine.set_registers({"rip": CODE})
        agent.run(9)
        assert agent.run(9) == (Breakpoint(SITE), 0)
        assert agent.run(9) == (Trap(TrapKind.RDTSC), 0)
        assert agent.run(9) == (Breakpoint(PUSH), 0)


def test_a_breakpoint_right_behind_what_a_jump_replaced() -> None:
    require_agent()
    behind = SITE + 9
    with UserGuest(CODE_BYTES) as engine:
        agent = started(engine)
        engine.set_breakpoints({behind})
        exits = [agent.run(9)[0] for _ in range(2)]
        assert Breakpoint(behind) in exits


def test_while_something_is_watched_the_agent_rests() -> None:
    require_agent()
    with UserGuest(CODE_BYTES) as engine:
        agent = started(engine)
        engine.set_watchpoints([Watchpoint(TOP - 8, 8, Access.WRITE)])
        assert agent.run(9) == (Trap(TrapKind.RDTSC), 0)
        assert agent.run(9) == (Watched(PUSH + 1, TOP - 8), 0)
        engine.set_watchpoints(())
        engine.set_registers({"rip": SITE})
        exit_, answered = agent.run(9)
        assert isinstance(exit_, UserFault)
        assert answered == 1
