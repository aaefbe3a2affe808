from __future__ import annotations

import pytest

from monitors.ports import Breakpoint
from replay.engines.errors import NoDebugRegister
from replay.engines.native.engine import NativeEngine
from replay.engines.ports import (
    Access,
    Breaks,
    Snapshots,
    Steps,
    TracksDirtyPages,
    Watches,
    Watchpoint,
)
from tests.unit.replay.engines.guests import CODE, HEAP
from tests.unit.replay.engines.native.machines import native

CONSTANTS = "nop;" * 30 + "mov rax, 0x1122334455667788; nop; hlt"
INSIDE = CODE + 30 + 2


@pytest.mark.parametrize("ability", [Steps, Breaks, Watches, TracksDirtyPages, Snapshots])
def test_abilities(ability: type) -> None:
    assert isinstance(NativeEngine(), ability)


def watchpoints(count: int) -> list[Watchpoint]:
    return [Watchpoint(HEAP + 8 * number, 8, Access.WRITE) for number in range(count)]


def test_registers_are_shared_and_never_too_many() -> None:
    with native(CONSTANTS) as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        engine.set_watchpoints(watchpoints(3))
        engine.set_breakpoints({CODE + 40, INSIDE})
        with pytest.raises(NoDebugRegister, match=f"3 watchpoint.*{INSIDE:#x}, {INSIDE + 1:#x}"):
            engine.set_breakpoints({INSIDE, INSIDE + 1})
        with pytest.raises(NoDebugRegister, match="4 watchpoint"):
            engine.set_watchpoints(watchpoints(4))
        engine.set_breakpoints({CODE + 40})
        engine.set_watchpoints(watchpoints(4))
        with pytest.raises(NoDebugRegister, match="too few for 5 watchpoint"):
            engine.set_watchpoints(watchpoints(5))
        assert g.run() == Breakpoint(CODE + 40)
        assert g["rax"] == 0x1122334455667788


@pytest.mark.parametrize(("address", "size"), [(HEAP + 1, 2), (HEAP, 3), (HEAP, 0), (-8, 8)])
def test_ranges_that_no_register_can_watch(address: int, size: int) -> None:
    with native("hlt") as g:
        assert isinstance(g.engine, NativeEngine)
        with pytest.raises(ValueError, match="naturally aligned"):
            g.engine.set_watchpoints([Watchpoint(address, size, Access.WRITE)])


def test_addresses_where_there_is_no_memory_do_no_harm() -> None:
    with native("nop; nop; hlt") as g:
        assert isinstance(g.engine, NativeEngine)
        g.engine.set_breakpoints({0, 1 << 40, (1 << 64) - 1, CODE + 1})
        g.engine.set_watchpoints([Watchpoint((1 << 64) - 8, 8, Access.WRITE)])
        assert g.run() == Breakpoint(CODE + 1)
