from __future__ import annotations

from monitors.ports import Breakpoint, Hlt, Protection
from replay.engines.unicorn.callbacks import Use
from tests.unit.replay.engines.guests import CODE, guest

SEALED = (Protection(CODE, CODE + 0x1000, writable=False),)
MANY = 700


def test_more_places_than_the_first_table_holds() -> None:
    with guest(b"\x90" * MANY + b"\xf4", protections=SEALED) as machine:
        machine.engine.set_breakpoints([CODE + at for at in range(1, MANY)])
        for at in range(1, MANY):
            assert machine.run() == Breakpoint(CODE + at)
        assert machine.run() == Hlt(CODE + MANY)


def test_an_address_can_be_for_several_things() -> None:
    with guest("nop; nop; hlt") as machine:
        places = machine.engine._places
        places.add(CODE + 1, Use.NOTED)
        places.add(CODE + 1, Use.BREAKPOINT)
        machine.engine._breakpoints = frozenset((CODE + 1,))
        assert machine.run() == Breakpoint(CODE + 1)
        assert places._uses[CODE + 1] == Use.NOTED | Use.BREAKPOINT
        places.remove(CODE + 1, Use.NOTED)
        assert places._uses[CODE + 1] == Use.BREAKPOINT


def test_a_place_that_nobody_needs_any_more_keeps_its_hook() -> None:
    with guest("1: nop; nop; dec ecx; jnz 1b; hlt", registers={"rcx": 3}) as machine:
        places = machine.engine._places
        assert places.add(CODE + 1, Use.NOTED)
        places.remove(CODE + 1, Use.NOTED)
        assert not places.add(CODE + 1, Use.NOTED)
        places.remove(CODE + 1, Use.NOTED)
        assert isinstance(machine.run(), Hlt)
        assert machine.engine.hits() is None
