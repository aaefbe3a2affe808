"""A guest's registers: its own in the process, the others as numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from replay.engines.native.child import Child
from replay.engines.native.processor import Processor
from replay.engines.native.ptrace import NO_SYSTEM_CALL, ORIG_RAX
from tests.unit.replay.engines.guests import guest
from tests.unit.replay.engines.native.machines import USER_REGISTERS, native


@pytest.fixture
def cpu() -> Iterator[Processor]:
    child = Child([])
    made = Processor(child.tracee)
    made.load({**USER_REGISTERS, "cs": 8})
    yield made
    child.close()


def stored(cpu: Processor) -> None:
    cpu.store()
    cpu.fetch()


def test_all_registers_that_unicorn_has() -> None:
    with native("hlt") as mine, guest("hlt") as reference:
        ours, theirs = mine.engine.registers(), reference.engine.registers()
        assert ours == {**theirs, **{name: ours[name] for name in ("gdtr_base", "ftw")}}


def test_values_survive_the_process(cpu: Processor) -> None:
    wanted = {"rax": 1 << 63, "xmm15": 1 << 127 | 1, "st3": 0x3FFF << 64 | 1 << 63, "cr2": 5}
    wanted |= {"fcw": 0x27F, "mxcsr": 0x9F80, "fs_base": 0x7000, "r15": 9}
    for name, value in wanted.items():
        cpu.set(name, value)
    stored(cpu)
    assert {name: cpu.get(name) for name in wanted} == wanted
    assert {name: cpu.all()[name] for name in wanted} == wanted


@pytest.mark.parametrize("system_call", [NO_SYSTEM_CALL, 228], ids=["elsewhere", "in a call"])
def test_where_the_guest_goes_on_may_be_all_that_changes(cpu: Processor, system_call: int) -> None:
    cpu.words[ORIG_RAX] = system_call
    cpu.go_to(0x123456)
    stored(cpu)
    assert (cpu.get("rip"), cpu.words[ORIG_RAX]) == (0x123456, NO_SYSTEM_CALL)


def test_some_registers_at_once(cpu: Processor) -> None:
    wanted = {"rip": 0x1000, "rdi": 1 << 63, "rflags": 0x246, "cr2": 7, "xmm3": 9}
    cpu.go_to(5)
    cpu.update(wanted)
    stored(cpu)
    assert {name: cpu.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("flags", [0x2, 0x202, 0x247, 0x3202, 0x44CD7, 0x200202])
def test_flags_that_a_process_cannot_have(cpu: Processor, flags: int) -> None:
    cpu.set("rflags", flags)
    stored(cpu)
    assert cpu.get("rflags") == flags


def test_tags_of_the_x87_follow_its_contents(cpu: Processor) -> None:
    cpu.set("fsw", 6 << 11)
    cpu.set("st0", 0x3FFF << 64 | 1 << 63)
    cpu.set("st1", 0)
    cpu.set("ftw", 0x0FFF)
    stored(cpu)
    assert cpu.get("ftw") == 0x4FFF  # register 6 holds a number, register 7 zero


def test_the_privilege_level_decides_about_the_mode(cpu: Processor) -> None:
    assert not cpu.user_mode
    cpu.set("cs", 0x33)
    assert cpu.user_mode
