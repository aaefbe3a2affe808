from __future__ import annotations

import pytest

from monitors.ports import Hlt, PortWrite, Protection, Segment, Trap, TrapKind
from replay.engines.unicorn import vetting
from replay.engines.unicorn.callbacks import NOWHERE
from tests.unit.replay.engines.guests import (
    CODE,
    HANDLERS,
    HEAP,
    STACK_TOP,
    UNMAPPED,
    Guest,
    assemble,
    guest,
    tables,
    with_handlers,
)


def parts(machine: Guest) -> vetting.Vetting:
    return machine.engine._vetting


def test_a_block_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    vet = vetting.Vetting.vet

    def counted(self: vetting.Vetting) -> None:
        looks.append(self._state.address)
        vet(self)

    monkeypatch.setattr(vetting.Vetting, "vet", counted)
    with guest("1: out 1, al; nop; jmp 1b") as machine:
        for _ in range(50):
            machine.run()
    assert len(looks) < 5
    assert set(looks) <= {CODE, CODE + 2}


@pytest.mark.parametrize("protected", [False, True])
def test_sites_on_protected_pages_need_no_second_look(protected: bool) -> None:
    protections = [Protection(CODE, CODE + 0x1000, False)] if protected else []
    with guest("out 1, al; hlt", protections=protections) as machine:
        machine.run()
        assert bool(parts(machine)._volatile) != protected
        assert isinstance(machine.run(), Hlt)


def test_flat_page_tables_are_trusted_until_the_guest_loads_others() -> None:
    with guest("out 1, al; mov rax, cr3; mov cr3, rax; out 2, al; hlt") as machine:
        machine.run()
        assert machine.engine._state.flat_cr3 == 0x2000
        assert machine.run() == PortWrite(2, 0, 1)
        assert machine.engine._state.flat_cr3 == NOWHERE
        assert isinstance(machine.run(), Hlt)


def test_more_starts_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page faults between them come through: forgetting leaves nothing pending."""
    monkeypatch.setattr(vetting, "_ENTRIES_MAX", 5)
    body = "".join(f"out {n}, al; mov rax, [rsi];" for n in range(20))
    skip = Segment(HANDLERS + 14 * 16, assemble("add rsp, 8; add qword ptr [rsp], 3; iretq"))
    code = with_handlers(f"mov rsi, {UNMAPPED}; {body} hlt")
    with guest(code, segments=[*tables(), skip]) as machine:
        for number in range(20):
            stop = machine.run()
            assert isinstance(stop, PortWrite)
            assert stop.port == number
        assert isinstance(machine.run(), Hlt)
        assert machine["rsp"] == STACK_TOP
        assert len(parts(machine)._known_starts) <= 5


def test_writes_of_the_host_forget_only_what_they_touch() -> None:
    with guest(f"1: out 1, al; mov rdi, {HEAP}; call rdi; jmp 1b") as machine:
        machine.engine.write(HEAP, b"\x90\xc3")
        machine.run()
        machine.run()
        machine.engine.write(HEAP, b"\x0f\xa2\xc3")
        assert machine.run() == Trap(TrapKind.CPUID, leaf=0, subleaf=0)
        machine.engine.write(HEAP, b"\x0f\x31\xc3")
        machine.run()
        assert machine.run() == Trap(TrapKind.RDTSC)


def test_forgetting_everything_changes_nothing() -> None:
    with guest("1: inc ebx; out 1, al; jmp 1b") as machine:
        for number in range(1, 6):
            assert machine.run() == PortWrite(1, 0, 1)
            parts(machine).forget_all()
            assert machine["rbx"] == number
