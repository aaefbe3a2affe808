"""Exits, positions, and what happens to code that changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from monitors.ports import (
    Exit,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    Protection,
    Segment,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    UnbackedAccess,
)
from replay.engines.errors import NotReproducible
from replay.engines.unicorn.engine import UnicornEngine
from tests.unit.replay.engines.guests import (
    CODE,
    DATA,
    HEAP,
    MEM_BYTES,
    STACK_TOP,
    UNMAPPED,
    Guest,
    assemble,
    guest,
    stop_of,
    tables,
    with_handlers,
)

FACES = pytest.mark.parametrize("pure_python", [False, True], ids=["compiled", "python"])

SITES = [
    ("out 0x40, al", PortWrite(0x40, 0x44, 1)),
    ("out 0x40, ax", PortWrite(0x40, 0x3344, 2)),
    ("out 0x40, eax", PortWrite(0x40, 0x11223344, 4)),
    ("out dx, eax", PortWrite(0x500, 0x11223344, 4)),
    ("in al, 0x40", PortRead(0x40, 1)),
    ("in ax, dx", PortRead(0x500, 2)),
    ("in eax, dx", PortRead(0x500, 4)),
    ("rep insd", PortRead(0x500, 4)),
    ("rdtsc", Trap(TrapKind.RDTSC)),
    ("rdtscp", Trap(TrapKind.RDTSCP)),
    ("cpuid", Trap(TrapKind.CPUID, leaf=0x11223344, subleaf=0x55667788)),
]
SETUP = "mov rax, 0xffffffff11223344; mov rcx, 0xeeeeeeee55667788; mov rdx, 0x500;"


@FACES
@pytest.mark.parametrize(("text", "expected"), SITES, ids=[text for text, _ in SITES])
def test_exits(text: str, expected: Exit, pure_python: bool) -> None:
    with guest(f"{SETUP} {text}; hlt", pure_python=pure_python) as machine:
        assert machine.run() == expected
        assert machine["rip"] == CODE + len(assemble(f"{SETUP} {text}"))
        assert isinstance(machine.run(), Hlt)


def test_hlt_tells_its_own_address_and_goes_on_behind_it() -> None:
    with guest("nop; hlt; out 1, al") as machine:
        assert machine.run() == Hlt(CODE + 1)
        assert machine["rip"] == CODE + 2
        assert machine.run() == PortWrite(1, 0, 1)


@pytest.mark.parametrize("name", ["rbx", "rsp", "r8", "r15"])
@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("mnemonic", ["rdrand", "rdseed"])
def test_random_instructions_tell_what_their_answer_depends_on(
    mnemonic: str, bits: int, name: str
) -> None:
    part = {
        16: {"rbx": "bx", "rsp": "sp", "r8": "r8w", "r15": "r15w"},
        32: {"rbx": "ebx", "rsp": "esp", "r8": "r8d", "r15": "r15d"},
        64: {"rbx": "rbx", "rsp": "rsp", "r8": "r8", "r15": "r15"},
    }[bits][name]
    stop = stop_of(f"mov {name}, 0x1122334455667788; stc; {mnemonic} {part}")
    assert stop == Trap(
        TrapKind(mnemonic), name, bits, previous=0x1122334455667788, rflags=stop_flags(stop)
    )
    assert stop_flags(stop) & 1


def stop_flags(stop: Exit) -> int:
    assert isinstance(stop, Trap)
    return stop.rflags


def test_answers_are_what_the_guest_goes_on_with() -> None:
    with guest("rdtsc; shl rdx, 32; or rax, rdx; mov rbx, rax; hlt") as machine:
        machine.run()
        machine.engine.set_registers({"rax": 0x89ABCDEF, "rdx": 0x01234567})
        machine.run()
        assert machine["rbx"] == 0x0123456789ABCDEF


def test_rdmsr_of_the_cycle_counter_is_a_trap_and_others_are_not() -> None:
    code = "mov ecx, 0x10; rdmsr; mov ecx, 0xc0000100; rdmsr; out 1, al"
    with guest(code, registers={"rax": 0, "rdx": 0}) as machine:
        assert machine.run() == Trap(TrapKind.RDTSC)
        machine.engine.set_registers({"rax": 1, "rdx": 2, "fs_base": 0x11_0000_0022})
        assert machine.run() == PortWrite(1, 0x22, 1)
        assert machine["rdx"] == 0x11


@pytest.mark.parametrize(
    "text",
    ["vzeroall", "vpaddd ymm0, ymm1, ymm2", "vaddps zmm0, zmm0, zmm0", "andn eax, ebx, ecx"],
)
def test_vector_code_is_refused_with_its_address(text: str) -> None:
    with guest(f"nop; {text}; hlt") as machine, pytest.raises(NotReproducible) as caught:
        machine.run()
    assert caught.value.rip == CODE + 1
    assert text.split(maxsplit=1)[0] in caught.value.instruction


def test_performance_counters_are_refused() -> None:
    with guest("rdpmc") as machine, pytest.raises(NotReproducible, match="counters"):
        machine.run()


def test_vector_code_reached_late_runs_up_to_it() -> None:
    code = """
        mov ecx, 1000
    1:  dec ecx
        jnz 1b
        mov eax, 1
        cmp eax, 2
        je 2f
        out 1, al
        call 2f
    2:  vzeroall
    """
    with guest(code) as machine:
        assert machine.run() == PortWrite(1, 1, 1)
        with pytest.raises(NotReproducible):
            machine.run()


def test_bytes_of_vector_code_inside_other_instructions_are_not_refused() -> None:
    assert isinstance(stop_of("mov eax, 0x62c5c4f4; mov rbx, 0x0f31c4c5f4f4a20f; hlt"), Hlt)


class TestPositionOfTheFirstBlock:
    """Where the emulator is started, nothing reports the block by itself."""

    def test_a_site_far_behind_the_start(self) -> None:
        assert stop_of(b"\x90" * 2000 + b"\x0f\x31") == Trap(TrapKind.RDTSC)

    def test_a_site_behind_code_that_does_not_decode(self) -> None:
        assert stop_of(bytes.fromhex("f0660f3a0fc0000f31")) == Trap(TrapKind.RDTSC)

    def test_a_site_behind_pause(self) -> None:
        assert stop_of("pause; rdtsc") == Trap(TrapKind.RDTSC)

    def test_a_handler_that_is_overwritten_between_two_starts(self) -> None:
        code = """
            mov rdi, 0x200000
            mov dword ptr [rdi], 0xc3c089    # mov eax, eax; ret
            out 1, al
            call rdi
            out 1, al
            mov dword ptr [rdi], 0xc3310f    # rdtsc; ret
            out 1, al
            call rdi
            hlt
        """
        with guest(code) as machine:
            stops = [machine.run() for _ in range(5)]
        assert stops[3] == Trap(TrapKind.RDTSC)
        assert isinstance(stops[4], Hlt)


class TestChangingCode:
    def test_code_that_the_guest_writes_is_vetted(self) -> None:
        code = "mov rdi, 0x200000; mov dword ptr [rdi], 0xc3310f; call rdi; hlt"
        assert stop_of(code) == Trap(TrapKind.RDTSC)

    def test_a_site_that_the_guest_overwrites_is_none_any_more(self) -> None:
        code = """
            mov rdi, 0x200000
            mov dword ptr [rdi], 0xc390f4e6   # out 0xf4, al; nop; ret
            call rdi
            mov word ptr [rdi], 0xc3ff        # inc ebx
            call rdi
            mov word ptr [rdi], 0xf5e6        # out 0xf5, al
            call rdi
            hlt
        """
        with guest(code) as machine:
            assert machine.run() == PortWrite(0xF4, 0, 1)
            assert machine.run() == PortWrite(0xF5, 0, 1)
            assert isinstance(machine.run(), Hlt)
            assert machine["rbx"] == 1

    def test_code_that_overwrites_what_comes_next_in_its_own_block(self) -> None:
        code = """
            lea rdi, [rip + 1f]
            mov word ptr [rdi], 0x310f
        1:  nop
            nop
            hlt
        """
        assert stop_of(code) == Trap(TrapKind.RDTSC)

    def test_the_middle_of_an_instruction_is_another_instruction(self) -> None:
        code = "jmp 1f + 1; 1: mov eax, 0xf4310f"
        assert stop_of(code) == Trap(TrapKind.RDTSC)

    @pytest.mark.parametrize("body", ["nop; nop; jmp 1b", "nop; pause; jmp 1b"])
    def test_what_the_host_writes_over_code_that_has_run(self, body: str) -> None:
        with guest(f"1: out 1, al; {body}") as machine:
            for _ in range(3):
                assert machine.run() == PortWrite(1, 0, 1)
            machine.engine.write(CODE + 2, b"\x0f\x31\xf4")
            assert machine.run() == Trap(TrapKind.RDTSC)
            machine.engine.write(CODE + 4, b"\x0f\xa2")
            assert machine.run() == Trap(TrapKind.CPUID)

    def test_what_the_host_writes_over_a_site(self) -> None:
        with guest("1: out 1, al; jmp 1b") as machine:
            machine.run()
            machine.engine.write(CODE, b"\xe6\x02")
            assert machine.run() == PortWrite(2, 0, 1)
            machine.engine.write(CODE, b"\x90\xf4")
            assert machine.run() == Hlt(CODE + 1)

    def test_more_code_than_unicorn_has_room_for(self) -> None:
        """The function that is written and called 240 times has 2000 instructions each time."""
        code = """
            mov rdi, 0x200000
        1:  mov ecx, 2000
            mov rsi, rdi
        2:  mov dword ptr [rsi], 0x90c3ff48   # inc rbx
            add rsi, 3
            dec ecx
            jnz 2b
            mov dword ptr [rsi], 0xc3310f     # rdtsc; ret
            call rdi
            inc r12d
            cmp r12d, 240
            jb 1b
            hlt
        """
        with guest(code) as machine:
            for _ in range(240):
                assert machine.run() == Trap(TrapKind.RDTSC)
            assert isinstance(machine.run(), Hlt)
            assert machine["rbx"] == 240 * 2000


class TestPageBoundaries:
    @pytest.mark.parametrize("before", range(1, 4))
    def test_a_site_across_two_pages(self, before: int) -> None:
        at = CODE + 0x1000 - before
        with guest(b"\x66\x0f\x31\xf4", at=at) as machine:
            assert machine.run() == Trap(TrapKind.RDTSC)
            assert machine["rip"] == at + 3

    def test_the_last_bytes_of_memory(self) -> None:
        with guest(b"\x0f\x31\xeb\xfc", at=MEM_BYTES - 4) as machine:
            for _ in range(3):
                assert machine.run() == Trap(TrapKind.RDTSC)
                assert machine["rip"] == MEM_BYTES - 2


OTHER_TABLES = 0x300000


def other_tables(page: int, to: int) -> list[Segment]:
    """Page tables that map the guest's first 2 MiB as they are, and ``page`` to ``to``."""
    base = OTHER_TABLES
    below = b"".join((n << 12 | 0x63).to_bytes(8, "little") for n in range(512))
    leaf = Segment(base + 0x3000 + 8 * (page >> 12 & 511), (to | 0x63).to_bytes(8, "little"))
    return [
        Segment(base, (base + 0x1000 | 0x23).to_bytes(8, "little")),
        Segment(base + 0x1000, (base + 0x2000 | 0x23).to_bytes(8, "little")),
        Segment(base + 0x2000, (base + 0x3000 | 0x23).to_bytes(8, "little")),
        Segment(base + 0x3000, below),
        leaf,
    ]


class TestOtherPageTables:
    """Code is looked up where the guest's page tables say."""

    PAGE = 0x150000

    def test_sites_behind_another_mapping(self) -> None:
        segments = [
            Segment(self.PAGE, b"\xff\xc3\xc3"),  # inc ebx; ret
            Segment(HEAP, b"\x0f\x31\xc3"),  # rdtsc; ret
            *other_tables(self.PAGE, HEAP),
        ]
        code = f"""
            mov rdi, {self.PAGE}
            call rdi
            mov rax, {OTHER_TABLES}
            mov cr3, rax
            call rdi
            mov rax, 0x2000
            mov cr3, rax
            call rdi
            mov rax, {OTHER_TABLES}
            mov cr3, rax
            call rdi
            hlt
        """
        with guest(code, segments=segments) as machine:
            assert machine.run() == Trap(TrapKind.RDTSC)
            assert machine["rbx"] == 1
            assert machine.run() == Trap(TrapKind.RDTSC)
            assert machine["rbx"] == 2
            assert isinstance(machine.run(), Hlt)

    def test_an_address_that_is_a_site_in_one_mapping_only(self) -> None:
        segments = [
            Segment(self.PAGE, b"\x0f\x31\xc3"),
            Segment(HEAP, b"\xff\xc3\xc3"),
            *other_tables(self.PAGE, HEAP),
        ]
        switch = f"mov rax, {OTHER_TABLES}; mov cr3, rax; call rdi;"
        back = "mov rax, 0x2000; mov cr3, rax; call rdi;"
        code = f"mov rdi, {self.PAGE}; call rdi; {switch} {back} {switch} {back} hlt"
        with guest(code, segments=segments) as machine:
            for _ in range(3):
                assert machine.run() == Trap(TrapKind.RDTSC)
            assert isinstance(machine.run(), Hlt)
            assert machine["rbx"] == 2

    def test_page_tables_that_the_host_changes(self) -> None:
        """A hypercall's answer may land on the tables of the boot state."""
        segments = [Segment(self.PAGE, b"\xff\xc3\xc3"), Segment(HEAP, b"\x0f\x31\xc3")]
        code = f"mov rdi, {self.PAGE}; out 1, al; invlpg [rdi]; call rdi; hlt"
        with guest(code, segments=segments) as machine:
            assert machine.run() == PortWrite(1, 0, 1)
            entry = 0x8000 + 8 * (self.PAGE >> 12)
            machine.engine.write(entry, (HEAP | 0x63).to_bytes(8, "little"))
            assert machine.run() == Trap(TrapKind.RDTSC)
            assert isinstance(machine.run(), Hlt)


class TestMemory:
    def test_a_write_to_host_protected_memory(self) -> None:
        code = f"mov rdi, {HEAP}; mov ebx, 5; mov [rdi + 8], rbx; hlt"
        protected = [Protection(HEAP, HEAP + 0x1000, writable=False)]
        with guest(code, protections=protected) as machine:
            where = CODE + len(assemble(f"mov rdi, {HEAP}; mov ebx, 5"))
            assert machine.run() == TranslationFault(where, HEAP + 8)
            assert machine["rip"] == where
            assert machine.word(HEAP + 8) == 0

    def test_protected_memory_can_be_read_and_executed(self) -> None:
        protected = [Protection(HEAP, HEAP + 0x1000, writable=False)]
        code = f"mov rdi, {HEAP}; mov rax, [rdi]; call rdi; hlt"
        segments = [Segment(HEAP, b"\xff\xc3\xc3")]
        assert isinstance(stop_of(code, protections=protected, segments=segments), Hlt)

    def test_an_access_where_the_machine_has_no_memory(self) -> None:
        beyond = MEM_BYTES
        page = [Segment(0x4000 + 8 * (beyond >> 21), (beyond | 0xE3).to_bytes(8, "little"))]
        with guest(f"mov rdi, {beyond}; mov rax, [rdi + 16]", segments=page) as machine:
            stop = machine.run()
            assert isinstance(stop, UnbackedAccess)
            assert stop.gpa == beyond + 16

    def test_reading_and_writing(self) -> None:
        with guest("hlt") as machine:
            machine.engine.write(HEAP, b"some bytes")
            assert machine.engine.read(HEAP + 5, 5) == b"bytes"
            machine.engine.write(HEAP, b"")
            assert machine.engine.read(HEAP, 4) == b"some"

    def test_an_unmapped_address_and_no_table_of_handlers(self) -> None:
        stop = stop_of(f"mov rax, {UNMAPPED}; mov rax, [rax]")
        assert type(stop).__name__ == "TripleFault"


def interrupting(machine: Guest, act: Callable[[], Exit]) -> Exit:
    """What ``act`` returns while another thread interrupts, as often as it takes."""
    done = threading.Event()

    def nag() -> None:
        while not done.wait(0.001):
            machine.engine.interrupt()

    thread = threading.Thread(target=nag)
    thread.start()
    try:
        return act()
    finally:
        done.set()
        thread.join()


class TestInterrupt:
    @FACES
    @pytest.mark.parametrize(
        "code",
        [
            "1: jmp 1b",
            "1: pause; jmp 1b",
            "1: inc rax; dec rbx; loop 1b; jmp 1b",
            "1: mov rdi, 0x200000; mov ecx, 99999; rep stosb; jmp 1b",
        ],
    )
    def test_from_another_thread_in_a_loop(self, code: str, pure_python: bool) -> None:
        with guest(code, pure_python=pure_python) as machine:
            assert interrupting(machine, machine.run) == Interrupted()
            assert CODE <= machine["rip"] < CODE + len(assemble(code))
            assert interrupting(machine, machine.run) == Interrupted()

    def test_in_an_endless_chain_of_exceptions(self) -> None:
        body = f"mov rdi, {0x180000 + 6 * 16}; mov rax, [rdi - 16]; ud2"
        loop = Segment(0x140000 + 6 * 16, b"\x0f\x0b")  # the handler of ud2 is ud2
        stack = {"rsp": STACK_TOP}
        code = with_handlers(body)
        with guest(code, segments=[*tables(ist=1), loop], registers=stack) as machine:
            assert interrupting(machine, machine.run) == Interrupted()

    def test_when_idle_it_is_seen_by_the_next_run_and_once(self) -> None:
        with guest("out 1, al; hlt") as machine:
            machine.engine.interrupt()
            machine.engine.interrupt()
            assert machine.run() == Interrupted()
            assert machine["rip"] == CODE
            assert machine.run() == PortWrite(1, 0, 1)

    def test_while_counting(self) -> None:
        with guest("1: jmp 1b") as machine:
            stop = interrupting(machine, lambda: machine.engine.run_instructions(1 << 60))
            assert stop == Interrupted()
            while stop == Interrupted():
                stop = machine.engine.run_instructions(10)
            assert stop == TargetReached()
            assert machine.engine.instructions_retired == 10

    def test_after_close_it_does_nothing(self) -> None:
        with guest("hlt") as machine:
            machine.engine.close()
            machine.engine.interrupt()
            machine.engine.close()


MIXED = """
    mov rdi, 0x200000
    mov rsi, 0x210000
    mov ecx, 5
    rep stosb
    mov ecx, 3
    rep movsq
    xor ebx, ebx
1:  add ebx, ecx
    push rbx
    pop rax
    imul rax, rax, 77
    sbb rdx, rax
    inc ecx
    cmp ecx, 20
    jb 1b
    pause
    mov ecx, 0xc0000100
    rdmsr
    mov rax, rsp
    mov rdi, 0x200000
    mov ecx, 7
    repne scasb
    nop
    hlt
"""


@pytest.fixture(scope="module")
def single_steps() -> list[dict[str, int]]:
    """The registers after every instruction of MIXED."""
    states = []
    with guest(MIXED) as machine:
        while isinstance(machine.engine.run_instructions(1), TargetReached):
            assert machine.engine.instructions_retired == 1
            states.append(dict(machine.engine.registers()))
    return states


class TestCounting:
    """``run_instructions`` against one instruction at a time."""

    @FACES
    def test_any_number_leads_to_the_same_state(
        self, single_steps: list[dict[str, int]], pure_python: bool
    ) -> None:
        total = len(single_steps)
        assert total > 150
        for count in (*range(1, 40), 77, total - 20, total - 1, total):
            with guest(MIXED, pure_python=pure_python) as machine:
                assert machine.engine.run_instructions(count) == TargetReached()
                assert machine.engine.instructions_retired == count
                assert machine.engine.registers() == single_steps[count - 1]

    def test_in_two_parts(self, single_steps: list[dict[str, int]]) -> None:
        for first in (1, 9, 30):
            with guest(MIXED) as machine:
                machine.engine.run_instructions(first)
                machine.engine.run_instructions(50)
                assert machine.engine.registers() == single_steps[first + 49]

    def test_counting_and_running_end_in_the_same_state(self) -> None:
        with guest(MIXED) as counted, guest(MIXED) as plain:
            assert counted.engine.run_instructions(1 << 40) == plain.run()
            assert counted.engine.registers() == plain.engine.registers()

    def test_an_iteration_of_a_repeated_instruction_counts_and_its_final_test_too(self) -> None:
        with guest("mov ecx, 5; rep stosb; hlt", registers={"rdi": HEAP}) as machine:
            assert isinstance(machine.engine.run_instructions(100), Hlt)
            assert machine.engine.instructions_retired == 1 + 5 + 1

    @pytest.mark.parametrize("site", ["out 1, al", "rdtsc", "cpuid", "in al, 1", "hlt"])
    def test_just_before_a_crossing(self, site: str) -> None:
        with guest(f"nop; nop; {site}; nop; hlt") as machine:
            assert machine.engine.run_instructions(2) == TargetReached()
            assert machine["rip"] == CODE + 2
            assert not isinstance(machine.engine.run_instructions(1), TargetReached)
            assert machine.engine.instructions_retired == 0

    def test_just_before_a_crossing_that_has_been_met_before(self) -> None:
        with guest("1: out 1, al; nop; jmp 1b") as machine:
            machine.run()
            assert machine.engine.run_instructions(2) == TargetReached()
            assert machine["rip"] == CODE
            assert machine.engine.run_instructions(3) == PortWrite(1, 0, 1)

    def test_zero_instructions(self) -> None:
        with guest("nop; hlt") as machine:
            assert machine.engine.run_instructions(0) == TargetReached()
            assert machine["rip"] == CODE

    def test_a_crossing_comes_first(self) -> None:
        with guest("nop; nop; nop; out 1, al") as machine:
            assert machine.engine.run_instructions(4) == PortWrite(1, 0, 1)
            assert machine.engine.instructions_retired == 3

    def test_a_faulting_instruction_is_not_executed(self) -> None:
        before = with_handlers(f"mov rsi, {UNMAPPED}")
        instructions = len([line for line in before.split("\n") if line.strip()])
        with guest(before + "; mov rax, [rsi]", segments=tables()) as machine:
            stop = machine.engine.run_instructions(1000)
            assert machine.frame(stop).vector == 14
            assert machine.engine.instructions_retired == instructions + 1  # one in the handler

    @pytest.mark.parametrize(
        "operation", ["sbb al, bl", "neg rax", "sar rax, cl", "popcnt rax, rbx"]
    )
    def test_flags_in_a_frame_do_not_depend_on_counting(self, operation: str) -> None:
        body = f"mov rbx, 0xb3; mov ecx, 5; mov rsi, {UNMAPPED}; stc; {operation}; mov rax, [rsi]"
        flags = []
        for count in (None, 1000):
            with guest(with_handlers(body), segments=tables()) as machine:
                engine = machine.engine
                stop = machine.run() if count is None else engine.run_instructions(count)
                flags.append(machine.frame(stop).rflags)
        assert flags[0] == flags[1]

    def test_counting_leaves_no_trace_in_cr2_and_page_tables(self) -> None:
        tables_of_nothing = Segment(OTHER_TABLES, bytes(0x1000))
        code = f"mov rax, {OTHER_TABLES}; nop; mov cr3, rax; nop"
        results = []
        for count in (None, 1000, 3):
            with guest(code, segments=[tables_of_nothing]) as machine:
                if count == 3:
                    machine.engine.run_instructions(3)
                engine = machine.engine
                stop = machine.run() if count != 1000 else engine.run_instructions(count)
                results.append((stop, machine["cr2"], machine.engine.read(OTHER_TABLES, 0x1000)))
        assert results[0] == results[1] == results[2]


def test_registers_survive_being_read_and_written() -> None:
    wanted = {
        "rax": 0x1122334455667788,
        "r15": (1 << 64) - 1,
        "xmm3": (7 << 64) | 5,
        "xmm15": 5,
        "mxcsr": 0x1FA0,
        "fs_base": 0x1234_5678_9ABC,
        "rip": CODE + 1,
    }
    with guest("nop; hlt") as machine:
        machine.engine.set_registers({"xmm15": (1 << 128) - 1})
        machine.engine.set_registers(wanted)
        registers = machine.engine.registers()
        assert {name: registers[name] for name in wanted} == wanted
        assert machine.run() == Hlt(CODE + 1)


def test_an_engine_can_be_asked_for_its_count_before_it_has_memory() -> None:
    engine = UnicornEngine()
    assert engine.instructions_retired == 0
    engine.close()


def test_the_data_segment_of_the_tests_is_free() -> None:
    assert DATA < HEAP
