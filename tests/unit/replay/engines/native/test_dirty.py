"""Dirty pages of guests that run as processes, by the kernel's account and by comparison."""

from __future__ import annotations

import pytest

from monitors.ports import Hlt, PortWrite, Trap, UserFault
from replay.engines.agents import AgentDevices
from replay.engines.native import write_tracking
from replay.engines.native.dirty import Comparison, DirtyPages
from replay.engines.native.engine import NativeEngine
from replay.engines.native.write_tracking import why_unavailable
from replay.engines.ports import TracksDirtyPages
from replay.engines.ram import PAGE_BYTES, GuestRam
from tests.unit.replay.agents import require_agent
from tests.unit.replay.engines.guests import CODE, HEAP, STACK_TOP
from tests.unit.replay.engines.native.machines import UserGuest, native

WRITES = "mov [rdi], eax; out 16, eax; mov eax, [rdi + 0x2000]; push rax; pushf; hlt"
PAGE = HEAP // PAGE_BYTES
STACK = STACK_TOP // PAGE_BYTES - 1


@pytest.fixture(params=["by the kernel", "by comparison"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which pages are found."""
    if request.param == "by comparison":
        monkeypatch.setattr(write_tracking, "_SYS_USERFAULTFD", 999)
    elif why_unavailable():
        pytest.skip(why_unavailable())
    return str(request.param)


@pytest.mark.parametrize("stepped", [False, True], ids=["swept", "stepped"])
def test_pages_are_told_once(way: str, stepped: bool) -> None:
    with native(WRITES, stepped=stepped) as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        assert isinstance(engine, TracksDirtyPages)
        engine.set_registers({"rdi": HEAP, "rax": 7})
        first = engine.dirty_pages()
        assert CODE // PAGE_BYTES in first
        assert PAGE not in first
        assert bool(engine.dirty_pages_slow_because) == (way == "by comparison")
        assert engine.dirty_pages() == []
        assert g.run() == PortWrite(16, 7, 4)
        engine.write(HEAP + 0x4FFF, b"ab")
        assert engine.dirty_pages() == [PAGE, PAGE + 4, PAGE + 5]
        assert isinstance(g.run(), Hlt)
        assert engine.dirty_pages() == [STACK]
        assert engine.dirty_pages() == []


def test_what_the_agent_writes_counts(way: str) -> None:
    """It answers clock_gettime, into the page at RSI, by its own view of memory or the guest's."""
    require_agent()
    with UserGuest(
        "cpuid; mov eax, 228; xor edi, edi; mov rsi, rbx; nop; again: mov eax, 228;syscall; ud2"
    ) as engine:
        agent = engine.agent
        assert agent is not None
        assert agent.record("spt", AgentDevices(tsc_hz=1_000_000_000))
        assert isinstance(agent.run(9)[0], Trap)
        engine.set_registers({"rbx": HEAP})
        engine.dirty_pages()
        exit_, answered = agent.run(9)
        assert isinstance(exit_, UserFault)
        assert answered == 1, way
        assert engine.dirty_pages() == [PAGE]


def test_a_complete_state_may_have_come_with_other_memory(way: str) -> None:
    with native("nop; hlt") as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        engine.dirty_pages()
        engine.set_registers({"rax": 1})
        assert engine.dirty_pages() == []
        g.ram.view[HEAP : HEAP + 1] = b"x"  # as another engine would write
        engine.set_registers(engine.registers())
        assert PAGE in engine.dirty_pages(), way


def test_where_notes_cannot_be_begun_pages_are_compared() -> None:
    class Refusing:
        def begin(self, _tracked: object) -> None:
            raise OSError(22, "no such mode")

    ram = GuestRam(16 * PAGE_BYTES)
    dirty = DirtyPages(ram, Refusing(), [], "")  # type: ignore[arg-type]
    assert dirty.take("a") == []
    assert "no such mode" in dirty.slow_because
    ram.view[PAGE_BYTES] = 1
    assert dirty.take("a") == [1]
    ram.close()


def test_every_reader_gets_everything() -> None:
    ram = GuestRam(16 * PAGE_BYTES)
    dirty = DirtyPages(ram, None, [], "there is none")
    assert dirty.take("a") == []
    ram.view[PAGE_BYTES] = 1
    assert dirty.take("b") == [1]
    dirty.note(3 * PAGE_BYTES, 1)
    dirty.note(5 * PAGE_BYTES, 0)
    assert dirty.take("b") == [3]
    assert dirty.take("a") == [1, 3]
    assert dirty.take("a") == []
    ram.close()


def test_comparison_sees_pages_that_become_zero() -> None:
    ram = GuestRam(16 * PAGE_BYTES)
    ram.view[5] = 1
    comparison = Comparison(ram)
    assert comparison.take() == set()
    ram.view[5] = 0
    assert comparison.take() == {0}
    assert comparison.take() == set()
    ram.close()
