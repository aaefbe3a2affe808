"""Guests on the native engine: exits, exceptions, code that is not vetted, and hostile ones."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from monitors.ports import (
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    SystemCall,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    TripleFault,
    UserFault,
)
from replay.engines.errors import EngineFailure, NotReproducible
from replay.engines.native.engine import NativeEngine
from replay.engines.ports import Engine
from tests.unit.replay.engines.guests import (
    CODE,
    CODE_SELECTOR,
    HEAP,
    UNMAPPED,
    assemble,
    guest,
    offset_of,
    with_handlers,
)
from tests.unit.replay.engines.native.machines import UserGuest, native

ROOT = Path(__file__).resolve().parents[5]
RF = 0x10000


def test_it_is_an_engine() -> None:
    engine: Engine = NativeEngine()
    engine.close()
    engine.close()


@pytest.mark.parametrize("stepped", [False, True], ids=["swept", "stepped"])
class TestExits:
    def test_port_writes_leave_rip_behind(self, stepped: bool) -> None:
        with native("mov eax, 0x12345678; mov dx, 0x503; out dx, eax; hlt", stepped=stepped) as g:
            assert g.run() == PortWrite(0x503, 0x12345678, 4)
            assert g["rip"] == CODE + 10
            assert g.run() == Hlt(CODE + 10)

    def test_port_reads(self, stepped: bool) -> None:
        with native("in al, 0x10; in eax, dx", stepped=stepped) as g:
            assert [g.run(), g.run()] == [PortRead(0x10, 1), PortRead(0, 4)]

    def test_traps(self, stepped: bool) -> None:
        code = "rdtsc; mov eax, 7; mov ecx, 1; cpuid; mov r9, 5; rdrand r9d; rdtscp"
        with native(code, stepped=stepped) as g:
            assert g.run() == Trap(TrapKind.RDTSC)
            assert g.run() == Trap(TrapKind.CPUID, leaf=7, subleaf=1)
            trap = g.run()
            assert isinstance(trap, Trap)
            assert (trap.kind, trap.register, trap.bits) == (TrapKind.RDRAND, "r9", 32)
            assert trap.previous == 5
            assert g.run() == Trap(TrapKind.RDTSCP)

    def test_answers_reach_the_guest(self, stepped: bool) -> None:
        with native("rdtsc; lea rbx, [rax + rdx]; hlt", stepped=stepped) as g:
            g.run()
            g.engine.set_registers({"rax": 40, "rdx": 2})
            g.run()
            assert g["rbx"] == 42

    def test_vector_code_is_refused(self, stepped: bool) -> None:
        with native("vzeroall; hlt", stepped=stepped) as g, pytest.raises(NotReproducible):
            g.run()

    @pytest.mark.parametrize(
        "culprit", ["movbe eax, [rdi]", "xgetbv", "rdpid rax", "sha256msg1 xmm0, xmm1"]
    )
    def test_what_the_virtual_processor_lacks(self, stepped: bool, culprit: str) -> None:
        with native(with_handlers(f"{culprit}; hlt"), stepped=stepped) as g:
            frame = g.frame(g.run())
            assert (frame.vector, frame.rip) == (6, offset_of(""))

    def test_bit_scans_are_the_old_ones(self, stepped: bool) -> None:
        with native("mov eax, 0x100; lzcnt ecx, eax; tzcnt edx, eax; hlt", stepped=stepped) as g:
            g.run()
            assert (g["rcx"], g["rdx"]) == (8, 8)

    def test_selectors_and_flags_are_the_guests_own(self, stepped: bool) -> None:
        body = "mov eax, cs; mov ebx, ss; pushfq; pop rcx; sti; pushfq; pop rdx; cli; hlt"
        with native(with_handlers(body), stepped=stepped) as g:
            g.run()
            assert (g["rax"], g["rbx"]) == (CODE_SELECTOR, 0x10)
            assert (g["rcx"] & 0x300, g["rdx"] & 0x300, g["rflags"] & 0x200) == (0, 0x200, 0)

    def test_single_steps_of_the_guests_own(self, stepped: bool) -> None:
        body = "pushfq; or qword ptr [rsp], 0x100; popfq; nop; hlt"
        with native(with_handlers(body), stepped=stepped) as g:
            frame = g.frame(g.run())
            assert frame.vector == 1
            assert frame.rip == offset_of("pushfq; or qword ptr [rsp], 0x100; popfq; nop")


FAULTS = {
    "#DE": ("xor ecx, ecx", "div ecx", 0, None),
    "#UD": ("nop", "ud2", 6, None),
    "#UD of syscall": ("nop", "syscall", 6, None),
    "#GP of an address": ("mov rax, 0x8000000000000000", "mov rax, [rax]", 13, 0),
    "#GP of a selector": ("mov eax, 0x1234", "mov ds, ax", 13, 0x1234),
    "#SS": ("mov rbp, 0x8000000000000000", "mov rax, [rbp + 8]", 12, 0),
    "#PF read": (f"mov rax, {UNMAPPED}", "mov rax, [rax]", 14, 0),
    "#PF read and write": (f"mov rax, {UNMAPPED}", "add [rax], eax", 14, 0),
    "#PF write": (f"mov rax, {UNMAPPED}", "mov [rax], eax", 14, 2),
    "#PF low memory": ("mov eax, 0x10000", "mov [rax], eax", 14, 3),
    "#MF": ("fninit; push 0x37b; fldcw [rsp]; fldz; fld1; fdivrp", "fwait", 16, None),
}


@pytest.mark.parametrize(("setup", "culprit", "vector", "code"), FAULTS.values(), ids=list(FAULTS))
def test_faults(setup: str, culprit: str, vector: int, code: int | None) -> None:
    with native(with_handlers(f"{setup}; {culprit}; hlt")) as g:
        frame = g.frame(g.run())
        assert (frame.vector, frame.error_code, frame.rip) == (vector, code, offset_of(setup))
        assert frame.rflags & RF
        assert frame.cs == CODE_SELECTOR


TO_NO_ADDRESS = "mov rax, 0x800000000000; push rax; mov rbp, rsp"


@pytest.mark.parametrize("stepped", [False, True], ids=["swept", "stepped"])
@pytest.mark.parametrize("culprit", ["ret", "jmp rax"])
def test_a_branch_to_no_address_is_not_taken(culprit: str, stepped: bool) -> None:
    """Intel SDM volume 2: the target is checked before RIP and RSP change."""
    with native(with_handlers(f"{TO_NO_ADDRESS}; {culprit}; hlt"), stepped=stepped) as g:
        frame = g.frame(g.run())
        assert (frame.vector, frame.error_code) == (13, 0)
        assert (frame.rip, frame.rsp) == (offset_of(TO_NO_ADDRESS), g["rbp"])


def test_a_call_to_no_address_leaves_no_return_address() -> None:
    with UserGuest(f"{TO_NO_ADDRESS}; call [rsp]") as engine:
        assert engine.run() == UserFault(CODE + len(assemble(TO_NO_ADDRESS)), 13)
        stack = engine.registers()["rsp"]
        assert stack == engine.registers()["rbp"]
        assert engine.read(stack - 8, 8) == bytes(8)


@pytest.mark.parametrize(("code", "length"), [("int3", 1), ("int 0x1f", 2), ("int1", 1)])
def test_interrupts_on_purpose_come_back_behind(code: str, length: int) -> None:
    with native(with_handlers(f"{code}; hlt")) as g:
        assert g.frame(g.run()).rip == offset_of("") + length


def test_linux_cannot_be_called() -> None:
    """`int 0x80` is a vector like any other, of which the table here has none."""
    with native(with_handlers("mov eax, 1; int 0x80; hlt")) as g:
        frame = g.frame(g.run())
        assert (frame.vector, frame.error_code) == (13, 0x80 * 8 + 2)


def test_a_system_call_hidden_in_another_instruction() -> None:
    """The sweep cannot see it; the filter does."""
    with native(with_handlers("lea rax, [rip + 3]; jmp rax; mov eax, 0x050f; hlt")) as g:
        assert g.frame(g.run()).vector == 6


def test_a_fault_without_handlers_is_a_triple_fault() -> None:
    with native("ud2") as g:
        assert g.run() == TripleFault(CODE, 8)


def test_writing_to_protected_text() -> None:
    with native(f"mov eax, {CODE}; mov [rax], eax; hlt") as g:
        assert g.run() == TranslationFault(CODE + 5, CODE)


def test_an_instruction_that_writes_to_itself() -> None:
    with native("lea rax, [rip]; mov [rax], eax; hlt") as g:
        assert g.run() == TranslationFault(CODE + 7, CODE + 7)


def test_code_made_at_run_time_is_trapped_too() -> None:
    made = "0x310f"  # rdtsc
    with native(
        f"mov edi, {HEAP}; mov dword ptr [rdi], {made}; mov word ptr [rdi+2], 0xc3; call rdi; hlt"
    ) as g:
        assert g.run() == Trap(TrapKind.RDTSC)
        assert g["rip"] == HEAP + 2
        assert isinstance(g.run(), Hlt)


def test_what_the_host_writes_into_text_is_seen() -> None:
    with native("out 1, al; nop; nop; hlt") as g:
        g.run()
        g.engine.write(CODE + 2, b"\x0f\x31")
        assert g.run() == Trap(TrapKind.RDTSC)


def test_patches_are_not_in_the_guests_memory() -> None:
    code = assemble("out 1, al; rdtsc; hlt")
    with native(code) as g:
        g.run()
        g.run()
        assert g.engine.read(CODE, len(code)) == code


@pytest.mark.parametrize(
    "culprit",
    [
        "mov rax, cr0; or rax, 8; mov cr0, rax",
        "mov ecx, 0x10; wrmsr",
        "mov ecx, 0xc0000101; mov edx, 0xffff8000; wrmsr",
    ],
)
def test_what_needs_a_real_ring_0_is_refused(culprit: str) -> None:
    with native(f"{culprit}; hlt") as g, pytest.raises(NotReproducible):
        g.run()


def test_interrupting_a_guest_that_never_stops() -> None:
    with native("1: jmp 1b") as g:
        timer = threading.Timer(0.05, g.engine.interrupt)
        timer.start()
        assert g.run() == Interrupted()
        timer.join()
        assert g["rip"] == CODE


def test_a_guest_that_never_stops_can_be_looked_at_and_stepped() -> None:
    with native("mov ebx, 41; 1: inc rbx; jmp 1b") as g:
        assert isinstance(g.engine, NativeEngine)
        timer = threading.Timer(0.05, g.engine.interrupt)
        timer.start()
        assert g.run() == Interrupted()
        timer.join()
        turns, start = g["rbx"], CODE + 5
        assert turns > 41
        assert g["rip"] in (start, start + 3)
        assert g.engine.read(start, 3) == bytes.fromhex("48ffc3")
        steps = [g["rip"]]
        for _ in range(4):
            assert g.engine.step() == TargetReached()
            steps.append(g["rip"])
        assert set(steps) == {start, start + 3}
        assert all(before != after for before, after in pairwise(steps))
        assert g["rbx"] == turns + 2
        g.engine.interrupt()
        assert g.run() == Interrupted()


def test_an_interrupt_before_it_runs() -> None:
    with native("hlt") as g:
        g.engine.interrupt()
        assert g.run() == Interrupted()
        assert g.run() == Hlt(CODE)


def test_a_process_that_somebody_kills() -> None:
    with native("1: jmp 1b") as g:
        assert isinstance(g.engine, NativeEngine)
        assert g.engine._child is not None
        os.kill(g.engine._child.tracee.pid, signal.SIGKILL)
        with pytest.raises(EngineFailure, match="ended"):
            g.run()


class TestUserMode:
    def test_system_calls(self) -> None:
        with UserGuest("mov eax, 1; mov edi, 2; mov r9d, 7; syscall; hlt") as engine:
            call = engine.run()
            assert isinstance(call, SystemCall)
            assert (call.number, call.arguments, call.legacy) == (1, (2, 0, 0, 0, 0, 7), False)
            assert call.rip == engine.registers()["rip"]
            assert engine.registers()["rcx"] == 0

    def test_legacy_system_calls(self) -> None:
        with UserGuest("mov eax, 20; int 0x80") as engine:
            call = engine.run()
            assert isinstance(call, SystemCall)
            assert (call.number, call.legacy) == (20, True)

    @pytest.mark.parametrize("code", ["hlt", "out 1, al", "cli", "mov rax, cr0", "sidt [rsp]"])
    def test_privileged_instructions(self, code: str) -> None:
        with UserGuest(code) as engine:
            assert engine.run() == UserFault(CODE, 13)

    def test_page_faults(self) -> None:
        with UserGuest(f"mov eax, {CODE}; mov [rax], eax") as engine:
            assert engine.run() == UserFault(CODE + 5, 14, 7, CODE)

    def test_memory_that_is_not_executable(self) -> None:
        with UserGuest(f"mov eax, {HEAP}; jmp rax") as engine:
            assert engine.run() == UserFault(HEAP, 14, 0x15, HEAP)


def test_nothing_outlives_the_monitor(tmp_path: Path) -> None:
    """Not even when it is killed and can clean up nothing."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from replay.engines.native.child import Child\n"
        "child = Child([])\n"
        "print(child.tracee.pid, flush=True)\n"
        "child.tracee.wait()\n"
    )
    monitor = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT)], stdout=subprocess.PIPE, cwd=tmp_path
    )
    assert monitor.stdout is not None
    pid = int(monitor.stdout.readline())
    watch = os.pidfd_open(pid)
    monitor.kill()
    monitor.wait()
    monitor.stdout.close()
    assert select.select([watch], [], [], 10)[0]
    os.close(watch)


def test_dropped_engines_end_their_processes() -> None:
    with guest("hlt", engine_class=NativeEngine) as g:
        assert isinstance(g.engine, NativeEngine)
        assert g.engine._child is not None
        watch = os.pidfd_open(g.engine._child.tracee.pid)
    assert select.select([watch], [], [], 10)[0]
    os.close(watch)
