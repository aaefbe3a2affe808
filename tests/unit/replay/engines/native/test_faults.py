"""What signals mean, for instructions that are never executed."""

from __future__ import annotations

import signal

import pytest

from monitors.ports import Protection
from replay.engines.delivery import Raised
from replay.engines.errors import EngineFailure
from replay.engines.native.child import Child
from replay.engines.native.faults import Faults
from replay.engines.native.memory import Space, Stop
from replay.engines.native.processor import Processor
from replay.engines.native.ptrace import SignalInfo
from replay.engines.ram import GuestRam
from tests.unit.replay.engines.guests import CODE, assemble
from tests.unit.replay.engines.native.machines import USER_REGISTERS

KERNEL = 0x80
NOWHERE = 0x5000_0000


def stop_of(code: str, number: int, si_code: int, address: int = 0, **registers: int) -> Stop:
    """A guest in user mode of 2 MiB, with its code write-protected."""
    ram, child = GuestRam(2 << 20), Child([])
    try:
        text = assemble(code)
        ram.view[CODE : CODE + len(text)] = text
        cpu = Processor(child.tracee)
        cpu.load({**USER_REGISTERS, **registers})
        space = Space(ram, [Protection(CODE, CODE + 0x1000, writable=False)], cpu)
        return Faults(space, cpu.get).stop_of(SignalInfo(number, si_code, address), CODE)
    finally:
        child.close()
        ram.close()


@pytest.mark.parametrize(
    ("code", "number", "si_code", "vector"),
    [
        ("div ecx", signal.SIGFPE, 1, 0),
        ("fwait", signal.SIGFPE, 3, 16),
        ("addps xmm0, xmm1", signal.SIGFPE, 3, 19),
        ("ud2", signal.SIGILL, 2, 6),
        ("mov [rax], eax", signal.SIGSEGV, KERNEL, 13),
        ("push rax", signal.SIGBUS, KERNEL, 12),
        ("mov [rax], eax", signal.SIGBUS, 1, 17),
    ],
)
def test_vectors(code: str, number: int, si_code: int, vector: int) -> None:
    stop = stop_of(code, number, si_code)
    assert isinstance(stop, Raised)
    assert stop.vector == vector


READS = ("mov eax, [rdi]", "add [rdi], eax", "cmp [rdi], eax", "cmpxchg [rdi], ecx", "call [rdi]")
WRITES = (
    *("mov [rdi], eax", "movaps [rdi], xmm0", "movnti [rdi], eax", "sete [rdi]", "stosd"),
    *("xchg [rdi], eax", "lock add [rdi], eax", "pop [rdi]", "fstp qword ptr [rdi]"),
    *("movdqu [rdi], xmm1", "stmxcsr [rdi]", "movq [rdi], xmm0", "movsd [rdi], xmm0"),
)


@pytest.mark.parametrize("code", READS)
def test_reads(code: str) -> None:
    stop = stop_of(code, signal.SIGSEGV, 1, NOWHERE, rdi=NOWHERE, rsi=NOWHERE + 64)
    assert stop == Raised(14, 4, NOWHERE)


@pytest.mark.parametrize("code", WRITES)
def test_writes(code: str) -> None:
    stop = stop_of(code, signal.SIGSEGV, 1, NOWHERE, rdi=NOWHERE, rsi=NOWHERE + 64)
    assert stop == Raised(14, 6, NOWHERE)


@pytest.mark.parametrize(("address", "error"), [(NOWHERE, 6), (NOWHERE + 0x100, 4)])
def test_a_string_move_has_two_sides(address: int, error: int) -> None:
    stop = stop_of("movsb", signal.SIGSEGV, 1, address, rdi=NOWHERE, rsi=NOWHERE + 0x100)
    assert stop == Raised(14, error, address)


def test_pushes_write() -> None:
    stop = stop_of("push rax", signal.SIGSEGV, 1, NOWHERE - 8, rsp=NOWHERE)
    assert stop == Raised(14, 6, NOWHERE - 8)


def test_the_hosts_own_trouble_is_not_the_guests() -> None:
    with pytest.raises(EngineFailure, match="SIGBUS"):
        stop_of("mov [rax], eax", signal.SIGBUS, 2)
