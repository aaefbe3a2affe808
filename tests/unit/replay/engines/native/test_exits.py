"""What stops mean, for a guest in ring 0 and one in user mode, without a process that runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitors.ports import (
    Exit,
    Hlt,
    PortRead,
    PortWrite,
    SystemCall,
    Trap,
    TrapKind,
    TripleFault,
    UserFault,
)
from replay.engines.delivery import Raised
from replay.engines.errors import NotReproducible
from replay.engines.native.engine import NativeEngine
from replay.engines.native.ptrace import SignalInfo
from replay.engines.sensitive import sensitive_at
from replay.engines.sites import Site
from tests.unit.replay.engines.guests import CODE, assemble
from tests.unit.replay.engines.native.machines import UserGuest, native

_SIGSYS = 31
VALUES = {"rax": 0x1122_3344_5566_7788, "rcx": 0x10, "rdx": 0x503, "r9": 7}


def site(code: str) -> Site:
    """The site that an instruction at CODE is."""
    found, _ = sensitive_at(assemble(code), CODE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("out dx, ax", PortWrite(0x503, 0x7788, 2)),
        ("out 0x10, eax", PortWrite(0x10, 0x5566_7788, 4)),
        ("in al, dx", PortRead(0x503, 1)),
        ("hlt", Hlt(CODE)),
        ("rdmsr", Trap(TrapKind.RDTSC)),
        ("rdtscp", Trap(TrapKind.RDTSCP)),
        ("cpuid", Trap(TrapKind.CPUID, leaf=0x5566_7788, subleaf=0x10)),
        ("rdrand r9d", Trap(TrapKind.RDRAND, "r9", 32, previous=7, rflags=2)),
    ],
)
def test_sites_in_ring_0(code: str, expected: Exit) -> None:
    with native("nop") as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        engine.set_registers({**VALUES, "rflags": 2})
        place = site(code)
        assert engine._exits.at_site(place) == expected
        assert engine.registers()["rip"] == CODE + place.length
        assert engine._exits.executed


def test_a_model_specific_register_is_read_here() -> None:
    with native("nop") as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        engine.set_registers({"rcx": 0xC000_0100, "fs_base": 0x1_2345_6789})
        assert engine._exits.at_site(site("rdmsr")) is None
        assert (g["rax"], g["rdx"], g["rip"]) == (0x2345_6789, 1, CODE + 2)


def test_what_cannot_be_delivered() -> None:
    with native("nop") as g:
        engine = g.engine
        assert isinstance(engine, NativeEngine)
        engine.set_registers({"idtr_limit": 0})
        assert engine._exits.stopped(Raised(6), CODE) == TripleFault(CODE, 8)


def test_vector_instructions_are_refused() -> None:
    with native("nop") as g:
        assert isinstance(g.engine, NativeEngine)
        with pytest.raises(NotReproducible, match="VEX"):
            g.engine._exits.at_site(site("vzeroall"))


@pytest.mark.parametrize("code", ["out dx, al", "in eax, 5", "hlt", "rdmsr"])
def test_user_mode_has_no_privileges(code: str) -> None:
    with UserGuest("nop") as engine:
        assert engine._exits.at_site(site(code)) == UserFault(CODE, 13)
        assert engine.registers()["rip"] == CODE


REGISTERS = {"rax": 1 << 63, "rdi": 1, "rsi": 2, "rdx": 3, "r10": 4, "r8": 5, "r9": 6}


def by_site(code: str) -> Callable[[NativeEngine], Exit | None]:
    return lambda engine: engine._exits.at_site(site(code))


def by_signal(engine: NativeEngine) -> Exit | None:
    return engine._exits.system_call(SignalInfo(_SIGSYS, 1, CODE + 2), CODE + 2)


@pytest.mark.parametrize(
    ("code", "reach", "is_legacy"),
    [
        ("syscall", by_site("syscall"), False),
        ("sysenter", by_site("sysenter"), True),
        ("syscall", by_signal, False),
        ("int 0x80", by_signal, True),
    ],
    ids=["syscall", "sysenter", "syscall, unseen", "int 0x80, unseen"],
)
def test_system_calls_of_user_mode(
    code: str, reach: Callable[[NativeEngine], Exit | None], is_legacy: bool
) -> None:
    with UserGuest(code) as engine:
        engine.set_registers({**REGISTERS, "rflags": 0x246})
        call = SystemCall(1 << 63, (1, 2, 3, 4, 5, 6), CODE + 2, 0x246, is_legacy)
        assert reach(engine) == call
        assert engine.registers()["rip"] == CODE + 2


def test_a_soft_interrupt_is_another_way_to_call() -> None:
    with UserGuest("int 0x80") as engine:
        raised = Raised(0x80, software=True, next_rip=CODE + 2)
        exit_ = engine._exits.stopped(raised, CODE)
        assert isinstance(exit_, SystemCall)
        assert (exit_.rip, exit_.legacy) == (CODE + 2, True)
