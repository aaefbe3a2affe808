"""Exits of KVM as hosts with VT-x, with AMD-V and with an emulating kernel report them."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitors.hvt.boot import MIB
from monitors.ports import (
    Breakpoint,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    TripleFault,
    UnbackedAccess,
    Watched,
)
from replay.engines.errors import CannotGoOn, NoDebugRegister, NotReproducible
from replay.engines.kvm import api
from replay.engines.kvm.api import ExitReason
from replay.engines.kvm.engine import KvmEngine
from replay.engines.kvm.text import PORTS
from replay.engines.ports import (
    Access,
    Breaks,
    Snapshots,
    Steps,
    TracksDirtyPages,
    Watches,
    Watchpoint,
)
from replay.engines.ram import GuestRam

TEXT = 0x100000
TABLES = {0x2000: 0x3063, 0x3000: 0x4063, 0x4000: 0xE3}
RDTSC, RDTSCP, RDRAND_R9, CPUID = b"\x0f\x31", b"\x0f\x01\xf9", b"\x49\x0f\xc7\xf1", b"\x0f\xa2"
VZEROUPPER, MWAIT, STORE_RAX_AT_RCX = b"\xc5\xf8\x77", b"\x0f\x01\xc9", b"\x48\x89\x01"
PUSHF = b"\x9c"
BOOT = {
    **dict.fromkeys(("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"), 0),
    **{f"r{number}": 0 for number in range(8, 16)},
    "rip": TEXT,
    "rflags": 2,
    "cs": 8,
    "cr0": 0x80010021,
    "cr3": 0x2000,
    "cr4": 0x620,
    "efer": 0x500,
    "gdtr_base": 0x1000,
    "gdtr_limit": 23,
}


class Bench:
    """An engine over a transcript, with ``code`` as the guest's protected text."""

    can_watch = True

    def __init__(self, make: Any, code: bytes, transcript: list[Any]) -> None:
        self.machine = make(transcript)
        self.vcpu = self.machine.vcpu
        self.ram = GuestRam(2 * MIB)
        for gpa, entry in TABLES.items():
            struct.pack_into("<Q", self.ram.view, gpa, entry)
        code += b"\xc3"
        self.ram.view[TEXT : TEXT + len(code)] = code
        self.engine = KvmEngine(lambda: self.machine, lambda: self.can_watch)
        self.engine.map(self.ram, [Protection(TEXT, TEXT + 0x1000, writable=False)])
        self.engine.set_registers(BOOT)


@pytest.fixture
def bench(scripted: Any) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(code: bytes = b"", *transcript: Any) -> Bench:
        made.append(Bench(scripted, code, list(transcript)))
        return made[-1]

    yield make
    for each in made:
        each.engine.close()
        each.ram.close()


def test_it_has_these_abilities(bench: Callable[..., Bench]) -> None:
    engine = bench().engine
    for ability in (Steps, Breaks, Watches, TracksDirtyPages, Snapshots):
        assert isinstance(engine, ability)


HOSTS = pytest.mark.parametrize("behind", [False, True], ids=["VT-x and AMD-V", "emulating"])


def _out(leave: Any, detail: bytes, at: int, length: int, *, behind: bool, **more: Any) -> Any:
    """The exit of an OUT: hosts with hardware finish it at the next entry."""
    if behind:
        return leave(ExitReason.IO, detail, at + length, **more)
    return leave(ExitReason.IO, detail, at, length, **more)


@HOSTS
def test_rip_is_behind_a_hypercall(bench: Any, leave: Any, port_detail: Any, behind: bool) -> None:
    data = (0x1234).to_bytes(4, "little")
    call = _out(leave, port_detail(0x501), TEXT, 1, behind=behind, data=data)
    under = bench(b"\xef", call)
    assert under.engine.run() == PortWrite(0x501, 0x1234, 4)
    assert under.engine.registers()["rip"] == TEXT + 1
    assert under.engine.registers()["rip"] == TEXT + 1


def test_an_answer_in_registers_costs_no_entry(bench: Any, leave: Any, port_detail: Any) -> None:
    """Where RIP stays as it is, KVM still finishes the instruction at the next entry."""
    under = bench(
        RDTSC,
        leave(ExitReason.IO, port_detail(PORTS[0]), TEXT, 2),
        leave(ExitReason.HLT, rip=TEXT + 3),
    )
    assert under.engine.run() == Trap(TrapKind.RDTSC)
    under.engine.set_registers({"rax": 5, "rdx": 6})
    assert len(under.vcpu.entered) == 1
    under.engine.run()
    assert under.vcpu.entered[1] == api.SYNC_REGS
    assert under.engine.registers()["rax"] == 5


@HOSTS
def test_neighbours_are_told_apart(bench: Any, leave: Any, port_detail: Any, behind: bool) -> None:
    """Two sites side by side: at the address between them either one may have stopped."""
    under = bench(
        RDTSC + RDTSCP,
        _out(leave, port_detail(PORTS[0]), TEXT, 2, behind=behind),
        _out(leave, port_detail(PORTS[1]), TEXT + 2, 3, behind=behind),
    )
    assert under.engine.run() == Trap(TrapKind.RDTSC)
    assert under.engine.run() == Trap(TrapKind.RDTSCP)
    assert under.engine.registers()["rip"] == TEXT + 5


@HOSTS
def test_rdrand_says_what_it_would_change(
    bench: Any, leave: Any, port_detail: Any, behind: bool
) -> None:
    state = {"r9": 77, "rflags": 0x10A47}
    under = bench(RDRAND_R9, _out(leave, port_detail(PORTS[0]), TEXT, 4, behind=behind, sets=state))
    assert under.engine.run() == Trap(
        TrapKind.RDRAND, register="r9", bits=64, previous=77, rflags=0xA47
    )


def test_cpuid_says_what_is_asked(bench: Any, leave: Any, port_detail: Any) -> None:
    asked = {"rax": 0xFFFF_FFFF_0000_0007, "rcx": 1 << 32 | 2}
    under = bench(CPUID, leave(ExitReason.IO, port_detail(PORTS[0]), TEXT, 2, sets=asked))
    assert under.engine.run() == Trap(TrapKind.CPUID, leaf=7, subleaf=2)


@HOSTS
def test_avx_is_refused_where_it_stands(
    bench: Any, leave: Any, port_detail: Any, behind: bool
) -> None:
    under = bench(VZEROUPPER, _out(leave, port_detail(PORTS[0]), TEXT, 3, behind=behind))
    with pytest.raises(NotReproducible) as refused:
        under.engine.run()
    assert refused.value.rip == under.engine.registers()["rip"] == TEXT


def test_mwait_is_an_invalid_opcode(bench: Any, leave: Any, port_detail: Any) -> None:
    under = bench(
        MWAIT,
        leave(ExitReason.IO, port_detail(PORTS[0]), TEXT, 3),
        leave(ExitReason.HLT, rip=0x5001),
    )
    under.engine.run()
    assert under.vcpu.entered[-1] == api.SYNC_REGS | api.SYNC_EVENTS
    assert under.vcpu.page[api.EVENTS_AT : api.EVENTS_AT + 3] == bytes((1, 6, 0))


def test_the_guest_may_use_the_ports_of_patches(bench: Any, leave: Any, port_detail: Any) -> None:
    under = bench(b"", leave(ExitReason.IO, port_detail(PORTS[0]), 0x180000, 2))
    assert under.engine.run() == PortWrite(PORTS[0], 0, 4)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_port_reads_leave_rax_alone(bench: Any, leave: Any, port_detail: Any, size: int) -> None:
    """KVM would write the answer when it finishes the instruction."""
    before = 0x1122334455667788
    detail = port_detail(0x500, size=size, direction=api.IO_IN)
    under = bench(b"", leave(ExitReason.IO, detail, TEXT, 1, sets={"rax": before}))
    assert under.engine.run() == PortRead(0x500, size)
    registers = under.engine.registers()
    assert (registers["rax"], registers["rip"]) == (before, TEXT + 1)


def test_hlt(bench: Any, leave: Any) -> None:
    assert bench(b"", leave(ExitReason.HLT, rip=TEXT + 1)).engine.run() == Hlt(TEXT)


# ---- memory


def test_a_write_to_text_ends_where_it_began(bench: Any, leave: Any) -> None:
    """As emulating kernels report it: done with, and the guest behind it."""
    detail = api.MMIO.pack(TEXT + 0x800, bytes(8), 8, 1)
    after = leave(ExitReason.MMIO, detail, TEXT + 4, sets={"rcx": TEXT + 0x800})
    under = bench(b"\x90" + STORE_RAX_AT_RCX, after)
    assert under.engine.run() == TranslationFault(TEXT + 1, TEXT + 0x800)
    assert under.engine.registers()["rip"] == TEXT + 1


def test_a_write_to_text_under_hardware(bench: Any, leave: Any) -> None:
    """KVM_RUN fails with EFAULT, the guest at the instruction; newer kernels say for which page."""
    detail = api.MEMORY_FAULT.pack(0, TEXT, 4096)
    fault = OSError(errno.EFAULT, "Bad address")
    under = bench(b"", leave(ExitReason.MEMORY_FAULT, detail, TEXT + 1, error=fault))
    assert under.engine.run() == TranslationFault(TEXT + 1, TEXT)


def test_an_older_kernel_does_not_say_for_which_page(bench: Any, leave: Any) -> None:
    fault = OSError(errno.EFAULT, "Bad address")
    under = bench(b"", leave(ExitReason.UNKNOWN, rip=TEXT + 1, error=fault))
    with pytest.raises(CannotGoOn) as stuck:
        under.engine.run()
    assert (stuck.value.engine, stuck.value.rip) == ("kvm", TEXT + 1)


@pytest.mark.parametrize("is_write", [0, 1])
def test_memory_that_is_not_there(bench: Any, leave: Any, is_write: int) -> None:
    detail = api.MMIO.pack(1 << 30, bytes(8), 8, is_write)
    rip = TEXT + 9
    under = bench(b"", leave(ExitReason.MMIO, detail, rip))
    assert under.engine.run() == UnbackedAccess(rip, 1 << 30)


# ---- where KVM cannot go on


def test_an_instruction_that_the_kernel_cannot_emulate(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.INTERNAL_ERROR, struct.pack("<I", 1), TEXT + 5))
    with pytest.raises(CannotGoOn, match="emulator") as stuck:
        under.engine.run()
    assert stuck.value.rip == under.engine.registers()["rip"] == TEXT + 5


def test_a_triple_fault_is_judged_elsewhere(bench: Any, leave: Any) -> None:
    with pytest.raises(CannotGoOn, match="triple fault"):
        bench(b"", leave(ExitReason.SHUTDOWN, rip=TEXT)).engine.run()


def test_a_processor_that_was_reset_cannot_be(bench: Any, leave: Any) -> None:
    """AMD-V leaves nothing of the guest's state behind a shutdown, so KVM resets it."""
    under = bench(b"", leave(ExitReason.SHUTDOWN, rip=0xFFF0))
    under.vcpu.page[api.SREGS_AT : api.SREGS_AT + api.SREGS_BYTES] = bytes(api.SREGS_BYTES)
    assert under.engine.run() == TripleFault(0xFFF0, 8)


def test_what_is_not_known_is_not_passed_over(bench: Any, leave: Any) -> None:
    with pytest.raises(CannotGoOn, match="exit 9 "):
        bench(b"", leave(ExitReason.FAIL_ENTRY, struct.pack("<I", 0x80000021), TEXT)).engine.run()


# ---- model-specific registers


def _msr(number: int, data: int = 0) -> bytes:
    return bytes(api.MSR.pack(0, 4, number, data))


def test_reading_the_cycle_counter_is_a_trap(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.READ_MSR, _msr(0x10), TEXT, 2))
    assert under.engine.run() == Trap(TrapKind.RDTSC)
    assert under.engine.registers()["rip"] == TEXT + 2


def test_writing_it_is_refused(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.WRITE_MSR, _msr(0x10, 1), TEXT, 2))
    with pytest.raises(NotReproducible):
        under.engine.run()


@pytest.mark.parametrize("reason", [ExitReason.READ_MSR, ExitReason.WRITE_MSR])
def test_unknown_registers_are_a_protection_fault(bench: Any, leave: Any, reason: int) -> None:
    under = bench(
        b"", leave(reason, _msr(0x1B, 5), TEXT, 2), leave(ExitReason.HLT, b"\1", TEXT + 3)
    )
    under.engine.run()
    assert under.vcpu.page[api.DETAIL_AT] == 1


# ---- interruption


def test_an_early_interrupt_is_not_lost(bench: Any) -> None:
    under = bench(b"")
    under.engine.interrupt()
    assert under.engine.run() == Interrupted()
    assert under.vcpu.page[api.IMMEDIATE_EXIT_AT] == 0


def test_other_signals_are_nobodys_interrupt(bench: Any, leave: Any) -> None:
    under = bench(
        b"",
        leave(ExitReason.INTR, rip=TEXT, error=InterruptedError()),
        leave(ExitReason.HLT, rip=TEXT + 1),
    )
    assert under.engine.run() == Hlt(TEXT)


def test_interrupts_during_a_completion_stay(bench: Any, leave: Any, port_detail: Any) -> None:
    under = bench(b"", leave(ExitReason.IO, port_detail(0x501), TEXT, 1))
    under.engine.run()
    under.engine.interrupt()
    assert under.engine.registers()["rip"] == TEXT + 1
    assert under.vcpu.page[api.IMMEDIATE_EXIT_AT] == 1  # for who is on the way into the guest
    assert under.engine.run() == Interrupted()


def test_a_step_is_interrupted(bench: Any) -> None:
    under = bench(b"")
    under.engine.interrupt()
    assert under.engine.step() == Interrupted()
    assert under.vcpu.entered == []


# ---- steps, breakpoints, watchpoints


def _debug(pc: int, dr6: int) -> bytes:
    return bytes(api.DEBUG.pack(1, pc, dr6, 0x400))


def test_a_step(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.DEBUG, _debug(TEXT + 1, 0x4000), TEXT + 1))
    assert under.engine.step() == TargetReached()
    assert under.vcpu.debug[-1][0] == api.DEBUG_ENABLE | api.DEBUG_SINGLESTEP


def test_every_step_is_asked_for_anew(bench: Any, leave: Any) -> None:
    """KVM steps only from where the guest was when it was told to."""
    steps = [leave(ExitReason.DEBUG, _debug(TEXT + n, 0x4000), TEXT + n) for n in (1, 2)]
    under = bench(b"", *steps)
    under.engine.step()
    under.engine.step()
    assert len(under.vcpu.debug) == 2


@pytest.mark.parametrize("with_debug_exit", [True, False], ids=["VT-x", "emulating"])
def test_a_step_over_a_crossing_is_the_crossing(
    bench: Any, leave: Any, port_detail: Any, with_debug_exit: bool
) -> None:
    """VT-x reports the step's end too, when KVM finishes the instruction: no step more."""
    under = bench(
        b"",
        leave(ExitReason.IO, port_detail(0x501), TEXT, 1),
        leave(ExitReason.DEBUG, _debug(TEXT + 2, 0x4000), TEXT + 2),
    )
    under.vcpu.step_ends_in_debug_exit = with_debug_exit
    assert under.engine.step() == PortWrite(0x501, 0, 4)
    assert under.engine.registers()["rip"] == TEXT + 1
    assert under.engine.step() == TargetReached()
    assert under.engine.registers()["rip"] == TEXT + 2


def test_the_end_of_a_crossing_is_no_step(bench: Any, leave: Any, port_detail: Any) -> None:
    """Nobody has looked at registers, so KVM finishes the crossing only with the next step, and
    VT-x reports that as a step's end."""
    under = bench(
        b"",
        leave(ExitReason.IO, port_detail(0x501), TEXT, 1),
        leave(ExitReason.DEBUG, _debug(TEXT + 2, 0x4000), TEXT + 2),
    )
    assert under.engine.step() == PortWrite(0x501, 0, 4)
    assert under.engine.step() == TargetReached()
    assert under.vcpu.rip == TEXT + 2


def test_the_flag_of_steps_is_not_pushed(bench: Any, leave: Any) -> None:
    stack = 0x180000
    step = leave(ExitReason.DEBUG, _debug(TEXT + 1, 0x4000), TEXT + 1, sets={"rsp": stack})
    under = bench(PUSHF, step)
    under.ram.view[stack : stack + 8] = (0x302).to_bytes(8, "little")
    under.engine.step()
    assert bytes(under.ram.view[stack : stack + 8]) == (0x202).to_bytes(8, "little")


def test_a_breakpoint(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.DEBUG, _debug(TEXT + 8, 1), TEXT + 8))
    under.engine.set_breakpoints([TEXT + 8])
    assert under.engine.run() == Breakpoint(TEXT + 8)
    control, registers = under.vcpu.debug[-1]
    assert control == api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP
    assert registers[0] == TEXT + 8


def test_leaving_a_breakpoint_is_a_step(bench: Any, leave: Any) -> None:
    under = bench(
        b"",
        leave(ExitReason.DEBUG, _debug(TEXT + 1, 0x4000), TEXT + 1),
        leave(ExitReason.DEBUG, _debug(TEXT, 1), TEXT),
    )
    under.engine.set_breakpoints([TEXT])
    assert under.engine.run() == Breakpoint(TEXT)
    assert [control for control, _ in under.vcpu.debug] == [
        api.DEBUG_ENABLE | api.DEBUG_SINGLESTEP,
        api.DEBUG_ENABLE | api.DEBUG_USE_HW_BP,
    ]


def test_without_breakpoints_nothing_is_armed(bench: Any, leave: Any) -> None:
    under = bench(b"", leave(ExitReason.HLT, rip=TEXT + 1))
    under.engine.run()
    assert under.vcpu.debug == []


def test_a_watchpoint_comes_before_breakpoints(bench: Any, leave: Any) -> None:
    """In the order of the debug registers: DR6 may name several."""
    under = bench(b"", leave(ExitReason.DEBUG, _debug(TEXT + 4, 0b11), TEXT + 4))
    under.engine.set_breakpoints([TEXT + 4])
    under.engine.set_watchpoints([Watchpoint(0x180000, 8, Access.WRITE)])
    assert under.engine.run() == Watched(TEXT + 4, 0x180000)


def test_what_the_host_does_not_report_is_not_watched(bench: Any) -> None:
    under = bench(b"")
    assert under.engine.watches_max == 4
    under.can_watch = False
    assert under.engine.watches_max == 0
    under.engine.set_watchpoints([])
    with pytest.raises(NoDebugRegister, match=r"0 debug registers .* 1 watchpoint") as refused:
        under.engine.set_watchpoints([Watchpoint(0x180000, 8, Access.WRITE)])
    assert refused.value.registers == 0


# ---- memory tracked and kept


def test_dirty_pages_are_the_guests_and_the_hosts(bench: Any) -> None:
    under = bench(b"")
    assert TEXT // 4096 in under.engine.dirty_pages()
    assert under.machine.slots[-1][1] == api.MEM_LOG_DIRTY_PAGES
    under.machine.dirty = [7]
    under.engine.write(0x4FFF, b"ab")
    assert under.engine.dirty_pages() == [4, 5, 7]
    under.machine.dirty = []
    assert under.engine.dirty_pages() == []


def test_restored_memory_is_dirty_and_equal(bench: Any) -> None:
    under = bench(RDTSC)
    under.engine.dirty_pages()
    snapshot = under.engine.snapshot()
    before = bytes(under.ram.view)
    under.engine.write(0x180000, b"new")
    under.engine.write(0x1000, bytes(3))
    under.engine.set_registers({"rbx": 9, "xmm3": 4})
    under.engine.restore(snapshot)
    assert bytes(under.ram.view) == before
    assert under.engine.registers() == snapshot.registers
    assert 0x180 in under.engine.dirty_pages()


def test_patches_are_not_in_the_guests_memory(bench: Any) -> None:
    under = bench(RDTSC)
    assert under.engine.read(TEXT, 2) == RDTSC
    slots, _ = under.machine.slots[0]
    assert [(slot.gpa, slot.size) for slot in slots] == [
        (0, TEXT),
        (TEXT, 0x1000),
        (TEXT + 0x1000, MIB - 0x1000),
    ]


def test_closing_twice_does_no_harm(bench: Any) -> None:
    under = bench(b"")
    under.engine.close()
    under.engine.close()
    under.engine.interrupt()
    assert under.vcpu.is_closed
