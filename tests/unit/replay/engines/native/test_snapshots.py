"""Guests that go back and forth between states."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from monitors.ports import Breakpoint, PortWrite
from replay.engines.native import write_tracking
from replay.engines.native.dirty import DirtyPages
from replay.engines.native.engine import NativeEngine
from replay.engines.native.snapshots import PageKeeper
from replay.engines.ports import Snapshot, Snapshots
from replay.engines.ram import PAGE_BYTES, GuestRam
from replay.machine.digest import memory_digest, register_digest
from tests.unit.replay.engines.guests import CODE, HEAP, Guest, assemble
from tests.unit.replay.engines.native.machines import native

# A generator of numbers writes one word to a page of its choice, and zeros to another.
WANDER = f"""
    mov r8, {HEAP}
    mov r9d, 12345
again:
    imul r9d, r9d, 1103515245
    add r9d, 12345
    mov eax, r9d
    shr eax, 12
    and eax, 0xff000
    mov [r8 + rax], r9
    mov ecx, r9d
    shr ecx, 9
    and ecx, 0xff000
    mov qword ptr [r8 + rcx], 0
    cvtsi2sd xmm0, r9d
    out 16, eax
    jmp again
"""
EVENTS = 60
TRIPS = {"by the kernel": 100, "by comparison": 20}


def state(guest: Guest) -> tuple[bytes, bytes]:
    return register_digest(guest.engine.registers()), memory_digest(guest.ram)


def engine_of(guest: Guest) -> NativeEngine:
    assert isinstance(guest.engine, NativeEngine)
    return guest.engine


@pytest.fixture(params=["by the kernel", "by comparison"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without the kernel's account of writes, where it keeps one."""
    if request.param == "by comparison":
        monkeypatch.setattr(write_tracking, "_SYS_USERFAULTFD", 999)
    return str(request.param)


def test_random_trips_end_where_a_straight_run_is(way: str) -> None:
    chance = random.Random(4)
    with native(WANDER) as straight:
        states = [state(straight)]
        for _ in range(EVENTS):
            straight.run()
            states.append(state(straight))
    with native(WANDER) as g:
        engine = engine_of(g)
        assert isinstance(engine, Snapshots)
        taken: dict[int, Snapshot] = {0: engine.snapshot()}
        for _ in range(TRIPS[way]):
            at = chance.choice(sorted(taken))
            engine.restore(taken[at])
            assert state(g) == states[at]
            for event in range(at + 1, min(at + chance.randrange(8), EVENTS) + 1):
                assert isinstance(g.run(), PortWrite)
                assert state(g) == states[event]
                if chance.random() < 0.3:
                    taken[event] = engine.snapshot()
        assert len(taken) > 5


def test_a_snapshot_is_registers_and_pages_that_are_not_zero() -> None:
    with native("hlt") as g:
        g.ram.view[HEAP : HEAP + PAGE_BYTES] = bytes(PAGE_BYTES)
        snapshot = engine_of(g).snapshot()
        assert snapshot.registers == g.engine.registers()
        assert snapshot.pages[CODE // PAGE_BYTES][:1] == assemble("hlt")
        assert HEAP // PAGE_BYTES not in snapshot.pages


def test_registers_that_are_not_reported_come_back() -> None:
    with native("mov rax, 0x1234; mov dr0, rax; out 16, eax; mov rbx, dr0; out 16, eax; hlt") as g:
        engine = engine_of(g)
        before = engine.snapshot()
        g.run()
        behind = engine.snapshot()
        engine.restore(before)
        engine.restore(behind)
        assert isinstance(g.run(), PortWrite)
        assert g["rbx"] == 0x1234


def test_text_that_was_changed_comes_back_with_its_breakpoints() -> None:
    with native("mov al, 1; nop; out 16, al; hlt") as g:
        engine = engine_of(g)
        engine.set_breakpoints({CODE + 2})
        before = engine.snapshot()
        assert g.run() == Breakpoint(CODE + 2)
        engine.write(CODE, assemble("mov al, 2"))
        engine.restore(before)
        assert g.run() == Breakpoint(CODE + 2)
        assert g.run() == PortWrite(16, 1, 1)


def test_snapshots_share_pages_and_only_differences_are_written() -> None:
    with native("hlt") as g:
        engine = engine_of(g)
        first = engine.snapshot()
        engine.write(HEAP, b"x")
        second = engine.snapshot()
        assert set(second.pages) - set(first.pages) == {HEAP // PAGE_BYTES}
        assert all(second.pages[number] is page for number, page in first.pages.items())
        assert engine._pages.restore(first.pages) == 1
        assert engine._pages.restore(first.pages) == 0
        assert engine._pages.restore(second.pages) == 1


def test_dirty_pages_include_what_was_put_back() -> None:
    with native("hlt") as g:
        engine = engine_of(g)
        before = engine.snapshot()
        engine.write(HEAP, b"x")
        engine.dirty_pages()
        engine.restore(before)
        assert engine.dirty_pages() == [HEAP // PAGE_BYTES]


def test_snapshots_of_others_will_do() -> None:
    """Pages that are equal and not the same object."""
    ram = GuestRam(16 * PAGE_BYTES)
    ram.view[0:3] = b"abc"

    def put(gpa: int, data: bytes) -> None:
        ram.view[gpa : gpa + len(data)] = data

    keeper = PageKeeper(ram, DirtyPages(ram, None, [], ""), put)
    other: Mapping[int, bytes] = {
        0: b"abc".ljust(PAGE_BYTES, b"\0"),
        2: b"z" * PAGE_BYTES,
    }
    assert keeper.restore(other) == 1
    assert sorted(keeper.save()) == [0, 2]
    ram.close()
