"""Real virtual machines, where this host has them: integers only, since it may emulate."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitors.hvt.boot import GDT, GDT_GPA, MIB, PML4_GPA
from monitors.ports import (
    Breakpoint,
    Hlt,
    Interrupted,
    PortWrite,
    Protection,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    UnbackedAccess,
)
from monitors.vcpu import virtual_cpu
from replay.engines.errors import CannotGoOn, EngineUnavailable
from replay.engines.kvm import vm
from replay.engines.kvm.device import open_device
from replay.engines.kvm.engine import KvmEngine
from replay.engines.kvm.vm import VirtualMachine, cpuid_entries
from replay.engines.ram import GuestRam

TEXT = 0x100000
STATE = {
    "rip": TEXT,
    "rsp": MIB,
    "rflags": 2,
    "cs": 8,
    "cr0": 0x80010021,
    "cr3": PML4_GPA,
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 0x10),
    "cr4": 0x620,
    "efer": 0x500,
    "gdtr_base": GDT_GPA,
    "gdtr_limit": len(GDT) - 1,
}
# 2 MiB of memory, and as much behind it that is mapped and not there.
TABLES = {0x2000: 0x3063, 0x3000: 0x4063, 0x4000: 0xE3, 0x4008: 0x2000E3}


@pytest.fixture(autouse=True)
def _device() -> None:
    try:
        os.close(open_device())
    except EngineUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def boot() -> Iterator[Callable[[str], KvmEngine]]:
    made: list[tuple[KvmEngine, GuestRam]] = []

    def start(code: str) -> KvmEngine:
        engine, ram = KvmEngine(), GuestRam(2 * MIB)
        made.append((engine, ram))
        for gpa, entry in TABLES.items():
            ram.view[gpa : gpa + 8] = entry.to_bytes(8, "little")
        data = bytes.fromhex(code)
        ram.view[GDT_GPA : GDT_GPA + len(GDT)] = GDT
        ram.view[TEXT : TEXT + len(data)] = data
        engine.map(ram, [Protection(TEXT, TEXT + 0x1000, writable=False)])
        engine.set_registers(STATE)
        return engine

    yield start
    for engine, ram in made:
        engine.close()
        ram.close()


def test_a_port_write_and_hlt(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("b8efbeadde ba01050000 ef f4")
    assert engine.run() == PortWrite(0x501, 0xDEADBEEF, 4)
    assert engine.registers()["rip"] == TEXT + 11
    assert engine.run() == Hlt(TEXT + 11)


def test_every_patched_instruction_traps(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("0f31 0f01f9 0fc7f0 480fc7f9 b807000000 31c9 0fa2 f4")
    kinds = []
    while isinstance(exit_ := engine.run(), Trap):
        kinds.append((exit_.kind, engine.registers()["rip"] - TEXT))
    assert kinds == [
        (TrapKind.RDTSC, 2),
        (TrapKind.RDTSCP, 5),
        (TrapKind.RDRAND, 8),
        (TrapKind.RDSEED, 12),
        (TrapKind.CPUID, 21),
    ]
    assert exit_ == Hlt(TEXT + 21)


def test_an_answer_arrives(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("0f31 48c1e220 4809d0 f4")
    engine.run()
    engine.set_registers({"rax": 0x11, "rdx": 0x22})
    engine.run()
    assert engine.registers()["rax"] == 0x22_0000_0011


def test_text_is_protected(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("b900011000 90 488901 f4")
    assert engine.run() == TranslationFault(TEXT + 6, TEXT + 0x100)
    assert engine.read(TEXT + 0x100, 8) == bytes(8)


def test_memory_that_is_not_there(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("b900003000 488b01 f4")
    assert engine.run() == UnbackedAccess(TEXT + 5, 0x300000)


def test_the_cycle_counter_is_no_register(boot: Callable[[str], KvmEngine]) -> None:
    """RDMSR of it is a trap where the host heeds the filter."""
    engine = boot("b910000000 0f32 f4")
    exit_ = engine.run()
    if exit_ == Hlt(TEXT + 7):
        pytest.skip("this host's KVM does not heed filters of model-specific registers")
    assert exit_ == Trap(TrapKind.RDTSC)


def test_a_triple_fault_leaves_the_state(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("90 0f0b")
    with pytest.raises(CannotGoOn):
        engine.run()
    assert engine.registers()["rip"] == TEXT + 1


def test_steps(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("90 b801000000 0f31 90 f4")
    seen = []
    while not isinstance(exit_ := engine.step(), Hlt):
        seen.append((type(exit_), engine.registers()["rip"] - TEXT))
    assert seen == [
        (TargetReached, 1),
        (TargetReached, 6),
        (Trap, 8),
        (TargetReached, 9),
    ]


def test_breakpoints(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("90 90 ebfc")
    engine.set_breakpoints([TEXT + 1])
    assert [engine.run() for _ in range(3)] == [Breakpoint(TEXT + 1)] * 3


def test_a_guest_without_exits_is_interrupted(boot: Callable[[str], KvmEngine]) -> None:
    engine = boot("ebfe")
    timer = threading.Timer(0.02, engine.interrupt)
    timer.start()
    assert engine.run() == Interrupted()
    timer.join()


@pytest.mark.parametrize("call", ["0f01c1", "0f01d9"], ids=["vmcall", "vmmcall"])
def test_there_is_no_hypervisor_to_call(boot: Callable[[str], KvmEngine], call: str) -> None:
    """An invalid opcode, which without a handler is a triple fault."""
    engine = boot(f"90 {call} ebfe")
    with pytest.raises(CannotGoOn, match="triple fault"):
        engine.run()
    assert engine.registers()["rip"] == TEXT + 1


def test_a_guest_that_calls_the_hypervisor_in_its_own_code(
    boot: Callable[[str], KvmEngine],
) -> None:
    """Where nothing is patched it must not hang, whatever it does."""
    engine = boot("48c7c000801000 ffe0")
    engine.write(0x108000, bytes.fromhex("0f01c1 0f01d9 ebf8"))
    timer = threading.Timer(0.02, engine.interrupt)
    timer.start()
    with contextlib.suppress(CannotGoOn):
        assert engine.run() == Interrupted()
    timer.join()


def test_thousand_machines_leave_nothing() -> None:
    """Neither descriptors nor mappings nor memory."""
    for _ in range(50):
        _make_and_close()
    descriptors, mappings, memory_bytes = _held()
    for _ in range(1000):
        _make_and_close()
    after = _held()
    assert after[0] == descriptors
    assert abs(after[1] - mappings) < 8
    assert after[2] - memory_bytes < 2 * MIB


def _make_and_close() -> None:
    engine, ram = KvmEngine(), GuestRam(2 * MIB)
    engine.map(ram, [Protection(TEXT, TEXT + 0x1000, writable=False)])
    engine.close()
    ram.close()


def _held() -> tuple[int, int, int]:
    """Open descriptors, mappings, and resident bytes of this process."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").count("\n")
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096
    return len(list(Path("/proc/self/fd").iterdir())), maps, resident


def test_a_machine_that_cannot_be_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm, "_NEEDED", {0x7FFF: "magic"})
    before = _held()[0]
    with pytest.raises(EngineUnavailable, match="magic"):
        VirtualMachine()
    assert _held()[0] <= before  # the kernel may have been busy with another one


def test_the_processor_is_the_virtual_one() -> None:
    entries = cpuid_entries(virtual_cpu("westmere"))
    assert (7, 0, 1, 0, 0, 0, 0) in entries
    assert {leaf for leaf, *_ in entries} >= {0, 1, 0x40000000, 0x80000008}
