"""The whole guest kept, and brought back."""

from __future__ import annotations

from monitors.ports import Breakpoint, PortWrite
from replay.engines.ports import KeepsProcessor, Snapshot, Snapshots, TracksDirtyPages
from replay.engines.ram import PAGE_BYTES
from replay.engines.unicorn.engine import UnicornEngine
from replay.machine.digest import memory_digest
from tests.unit.replay.engines.guests import CODE, HEAP, assemble, guest

COUNT_UP = f"again: inc qword ptr [{HEAP}]; fld1; mov al, [{HEAP}]; out 16, al; jmp again"


def test_the_engine_has_the_abilities() -> None:
    for ability in (TracksDirtyPages, KeepsProcessor, Snapshots):
        assert issubclass(UnicornEngine, ability), ability


def test_a_snapshot_is_registers_and_pages_that_are_not_zero() -> None:
    with guest("hlt") as machine:
        machine.ram.view[HEAP : HEAP + PAGE_BYTES] = bytes(PAGE_BYTES)
        assert isinstance(machine.engine, Snapshots)
        snapshot = machine.engine.snapshot()
        assert snapshot.registers == machine.engine.registers()
        assert snapshot.pages[CODE // PAGE_BYTES][:1] == assemble("hlt")
        assert HEAP // PAGE_BYTES not in snapshot.pages


def test_what_was_let_through_is_not_let_through_elsewhere() -> None:
    with guest("nop; out 1, al") as machine:
        assert isinstance(machine.engine, UnicornEngine)
        saved = machine.engine.save_processor()
        machine.engine._state.passed_site = CODE + 1
        machine.engine.restore_processor(saved)
        assert machine.run() == PortWrite(1, 0, 1)


def test_a_breakpoint_stops_at_once_only_behind_a_crossing() -> None:
    """As before the journey, whatever the exit was that ended it."""
    with guest("again: out 1, al; nop; jmp again") as machine:
        engine = machine.engine
        assert isinstance(engine, UnicornEngine)
        behind = CODE + len(assemble("out 1, al"))
        engine.set_breakpoints({behind})
        machine.run()
        crossed = engine.save_processor()
        assert machine.run() == Breakpoint(behind)
        at_breakpoint = engine.save_processor()
        for _ in range(2):
            engine.restore_processor(at_breakpoint)
            assert machine.run() == PortWrite(1, 0, 1)
            engine.restore_processor(crossed)
            assert machine.run() == Breakpoint(behind)


def test_back_and_forth() -> None:
    with guest(COUNT_UP) as machine:
        engine = machine.engine
        assert isinstance(engine, Snapshots)
        snapshots, states = [], []
        for count in range(1, 4):
            assert machine.run() == PortWrite(16, count, 1)
            snapshots.append(engine.snapshot())
            states.append((engine.registers(), memory_digest(machine.ram)))
        for at in (0, 2, 1):
            engine.restore(snapshots[at])
            assert (engine.registers(), memory_digest(machine.ram)) == states[at]
            assert machine.run() == PortWrite(16, at + 2, 1)


def test_a_snapshot_of_another_engine_will_do() -> None:
    with guest(COUNT_UP) as machine:
        engine = machine.engine
        assert isinstance(engine, Snapshots)
        assert isinstance(engine, TracksDirtyPages)
        machine.run()
        taken = engine.snapshot()
        machine.run()
        engine.dirty_pages()
        engine.restore(Snapshot(taken.registers, taken.pages))
        assert engine.registers() == taken.registers
        assert HEAP // PAGE_BYTES in engine.dirty_pages()
        assert machine.run() == PortWrite(16, 2, 1)
