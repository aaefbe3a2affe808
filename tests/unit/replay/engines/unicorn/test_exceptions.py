"""Exceptions as the guest's own handlers see them."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from monitors.ports import Hlt, PortWrite, Segment, TripleFault
from replay.engines.unicorn.exceptions import Raised
from tests.unit.replay.engines.guests import (
    CODE,
    CODE_SELECTOR,
    DATA,
    DATA_SELECTOR,
    GDT,
    HANDLERS,
    HEAP,
    IDT,
    IST_TOP,
    STACK_TOP,
    TSS,
    TSS_SELECTOR,
    UNMAPPED,
    Frame,
    assemble,
    guest,
    offset_of,
    stop_of,
    tables,
    with_handlers,
)

RF, IF, TF, AC = 0x10000, 0x200, 0x100, 0x40000
NOT_CANONICAL = 0x8000_0000_0000_0000
LOW_READ_ONLY = 0x10000


def frame_of(setup: str, culprit: str, **options: int) -> tuple[Frame, int]:
    """The frame of the exception of ``culprit``, and the address of that instruction."""
    with guest(with_handlers(f"{setup}; {culprit}; hlt"), segments=tables(**options)) as machine:
        return machine.frame(machine.run()), offset_of(setup)


FAULTS = {
    "#DE": ("xor ecx, ecx", "div ecx", 0, None),
    "#UD": ("nop", "ud2", 6, None),
    "#UD of into": ("nop", ".byte 0xce", 6, None),
    "#UD of a prefix": ("nop", ".byte 0xf0, 0x0f, 0x31", 6, None),
    "#NM": ("mov rax, cr0; or rax, 8; mov cr0, rax", "fld1", 7, None),
    "#GP of an address": (f"mov rax, {NOT_CANONICAL}", "mov rax, [rax]", 13, 0),
    "#GP of a selector beyond the table": ("mov eax, 0x1234", "mov ds, ax", 13, 0x1234),
    "#GP of too long an instruction": ("nop", ".fill 15, 1, 0x66; nop", 13, 0),
    "#SS of rbp": (f"mov rbp, {NOT_CANONICAL}", "mov rax, [rbp + 8]", 12, 0),
    "#PF read": (f"mov rax, {UNMAPPED}", "mov rax, [rax]", 14, 0),
    "#PF write": (f"mov rax, {UNMAPPED}", "mov [rax], eax", 14, 2),
    "#PF write to a read-only page": (f"mov eax, {LOW_READ_ONLY}", "mov [rax], eax", 14, 3),
    "#MF": ("fninit; push 0x37b; fldcw [rsp]; fldz; fld1; fdivrp", "fwait", 16, None),
}


@pytest.mark.parametrize(("setup", "culprit", "vector", "code"), FAULTS.values(), ids=list(FAULTS))
def test_faults(setup: str, culprit: str, vector: int, code: int | None) -> None:
    frame, where = frame_of(setup, culprit)
    assert (frame.vector, frame.error_code) == (vector, code)
    assert (frame.rip, frame.cs, frame.ss) == (where, CODE_SELECTOR, DATA_SELECTOR)
    assert frame.rflags & RF


def test_page_faults_set_cr2() -> None:
    code = with_handlers(f"mov rax, {UNMAPPED}; mov rax, [rax + 0x123]")
    with guest(code, segments=tables()) as machine:
        assert machine.frame(machine.run()).vector == 14
        assert machine["cr2"] == UNMAPPED + 0x123


def test_a_fetch_from_nowhere() -> None:
    with guest(with_handlers(f"mov rax, {UNMAPPED}; jmp rax"), segments=tables()) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code, frame.rip) == (14, 0, UNMAPPED)
        assert machine["cr2"] == UNMAPPED


def test_a_reserved_bit_of_a_page_table() -> None:
    entry = 0x4000 + 8 * (HEAP >> 21)
    reserved = Segment(entry, (HEAP | 0xE3 | 1 << 13).to_bytes(8, "little"))
    code = with_handlers(f"mov rax, {HEAP}; mov rax, [rax]")
    with guest(code, segments=[*tables(), reserved]) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code) == (14, 9)


def test_a_segment_that_is_not_present() -> None:
    absent = Segment(GDT + TSS_SELECTOR + 0x20, struct.pack("<Q", 0x00CF13000000FFFF))
    pointer = Segment(DATA + 16, struct.pack("<HQ", TSS_SELECTOR + 0x27, GDT))
    with guest(
        with_handlers(f"mov eax, {TSS_SELECTOR + 0x20}; mov ds, ax"),
        segments=[*tables(), absent, pointer],
    ) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code) == (11, TSS_SELECTOR + 0x20)


@pytest.mark.parametrize("culprit", ["push rax", "call [rip]", "pop rax", "ret", "pushfq"])
def test_a_stack_at_no_address(culprit: str) -> None:
    frame, where = frame_of(f"mov rsp, {NOT_CANONICAL}", culprit, ist=1)
    assert (frame.vector, frame.error_code, frame.rip) == (12, 0, where)
    assert frame.rsp == NOT_CANONICAL


def test_a_fault_with_a_good_stack_and_a_bad_address_is_no_stack_fault() -> None:
    frame, _ = frame_of(f"mov rbx, {NOT_CANONICAL}", "push [rbx]")
    assert frame.vector == 13


def test_alignment_checks_stay_off_in_ring_0() -> None:
    body = f"""
        mov rax, cr0; or rax, {AC}; mov cr0, rax
        pushfq; or qword ptr [rsp], {AC}; popfq
        mov rax, [rsp - 15]
        hlt
    """
    assert isinstance(stop_of(with_handlers(body), segments=tables()), Hlt)


TRAPS = {
    "int3": ("int3", 3, 1),
    "int1": (".byte 0xf1", 1, 1),
    "int 3": (".byte 0xcd, 3", 3, 2),
    "int 20": ("int 20", 20, 2),
    "int 14, without an error code": ("int 14", 14, 2),
}


@pytest.mark.parametrize(("culprit", "vector", "length"), TRAPS.values(), ids=list(TRAPS))
def test_traps_come_back_behind_the_instruction(culprit: str, vector: int, length: int) -> None:
    with guest(with_handlers(f"{culprit}; hlt"), segments=tables()) as machine:
        assert machine.run() == PortWrite(0x10, vector, 4)
        rip, cs, rflags = (machine.word(machine["rsp"] + 8 * n) for n in range(3))
        assert (rip, cs) == (offset_of("") + length, CODE_SELECTOR)
        assert not rflags & RF


def test_single_steps() -> None:
    step = "pushfq; or qword ptr [rsp], 0x100; popfq"
    with guest(with_handlers(f"{step}; nop; nop; hlt"), segments=tables()) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.rip) == (1, offset_of(f"{step}; nop"))
        assert frame.rflags & TF
        assert not machine["rflags"] & TF


@pytest.mark.parametrize(("gate", "keeps_if"), [(0x8E, False), (0x8F, True)])
def test_interrupt_gates_clear_if_and_trap_gates_do_not(gate: int, keeps_if: bool) -> None:
    with guest(with_handlers("sti; nop; ud2"), segments=tables(gate=gate)) as machine:
        assert machine.frame(machine.run()).rflags & IF
        assert bool(machine["rflags"] & IF) == keeps_if


def test_the_frame_lies_aligned_below_the_stack_in_use() -> None:
    with guest(with_handlers("sub rsp, 24; ud2"), segments=tables()) as machine:
        frame = machine.frame(machine.run())
        assert frame.rsp == STACK_TOP - 24
        assert machine["rsp"] == (STACK_TOP - 24) // 16 * 16 - 40


def test_an_interrupt_stack() -> None:
    with guest(with_handlers("ud2"), segments=tables(ist=1)) as machine:
        frame = machine.frame(machine.run())
        assert frame.rsp == STACK_TOP
        assert machine["rsp"] == IST_TOP - 40


class TestComingBack:
    """Handlers that repair and return."""

    def test_a_page_fault_that_the_handler_repairs(self) -> None:
        """The guest's own tables: 2 MiB pages, one of which appears when it is missed."""
        base = 0x300000
        own = [
            Segment(base, (base + 0x1000 | 0x23).to_bytes(8, "little")),
            Segment(base + 0x1000, (base + 0x2000 | 0x23).to_bytes(8, "little")),
            Segment(
                base + 0x2000, b"".join((n << 21 | 0xE3).to_bytes(8, "little") for n in (0, 1))
            ),
        ]
        missing = base + 0x2000 + 8 * 7
        handler = f"""
            add rsp, 8
            push rdi
            mov edi, {missing}
            mov qword ptr [rdi], {HEAP | 0xE3}
            pop rdi
            iretq
        """
        code = f"""
            mov rdi, {base}
            mov cr3, rdi
            mov esi, {7 << 21}
            mov ebx, 0x77
            stc
            mov [rsi + 0x40], rbx
            setc dl
            mov rcx, [rsi + 0x40]
            hlt
        """
        segments = [*tables(), *own, Segment(HANDLERS + 14 * 16, b"\xe9" + _jump(14, 0x150000))]
        segments.append(Segment(0x150000, assemble(handler)))
        with guest(with_handlers(code), segments=segments) as machine:
            assert isinstance(machine.run(), Hlt)
            assert machine["rcx"] == 0x77
            assert machine["rdx"] & 0xFF == 1
            assert machine.word(HEAP + 0x40) == 0x77
            assert machine["rsp"] == STACK_TOP
            assert not machine["rflags"] & RF

    def test_twenty_thousand_page_faults_in_a_row(self) -> None:
        code = f"mov rsi, {UNMAPPED}; 1: mov rax, [rsi]; inc ebx; cmp ebx, 20000; jb 1b; hlt"
        skip = assemble("add rsp, 8; add qword ptr [rsp], 3; iretq")
        segments = [*tables(), Segment(HANDLERS + 14 * 16, skip)]
        with guest(with_handlers(code), segments=segments) as machine:
            assert isinstance(machine.run(), Hlt)
            assert machine["rbx"] == 20000

    def test_every_kind_in_turn_and_again(self) -> None:
        """No exception changes what the next one is taken for."""
        kinds = [("ud2", 2, 6), (f"mov [{UNMAPPED:#x}], al", 9, 14), ("int3", 0, 3)]
        body = "".join(f"{text};" for _ in range(3) for text, _, _ in kinds)
        code = with_handlers(body.replace(f"mov [{UNMAPPED:#x}], al", f"movabs [{UNMAPPED}], al"))
        segments = tables()
        for _, length, vector in kinds:
            pop = "add rsp, 8;" if vector == 14 else ""
            text = assemble(f"out {vector}, al; {pop} add qword ptr [rsp], {length}; iretq")
            segments.append(Segment(HANDLERS + vector * 16, text))
        with guest(code + "; hlt", segments=segments) as machine:
            seen = []
            while isinstance(stop := machine.run(), PortWrite):
                seen.append(stop.port)
            assert isinstance(stop, Hlt)
            assert seen == [6, 14, 3] * 3

    def test_a_fault_inside_a_handler(self) -> None:
        """The handler of #UD divides by zero; both frames lie on the stack."""
        segments = [*tables(), Segment(HANDLERS + 6 * 16, assemble("xor ecx, ecx; div ecx"))]
        with guest(with_handlers("ud2"), segments=segments) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.rip) == (0, HANDLERS + 6 * 16 + 2)
            assert machine.word(frame.rsp) == offset_of("")


def _jump(vector: int, to: int) -> bytes:
    return struct.pack("<i", to - (HANDLERS + vector * 16 + 5))


def gate(vector: int, **changed: int) -> Segment:
    """A gate of the IDT with some fields changed."""
    at = HANDLERS + vector * 16
    fields = {"offset": at, "selector": CODE_SELECTOR, "ist": 0, "kind": 0x8E, **changed}
    offset = fields["offset"]
    data = struct.pack(
        "<HHBBHQ",
        offset & 0xFFFF,
        fields["selector"],
        fields["ist"],
        fields["kind"],
        offset >> 16 & 0xFFFF,
        offset >> 32,
    )
    return Segment(IDT + 16 * vector, data)


NOT_CODE = {
    "a null selector": (0, 13, 0),
    "a selector beyond the GDT": (0x1000, 13, 0x1000),
    "data": (DATA_SELECTOR, 13, DATA_SELECTOR),
    "a selector of a table that does not exist": (0x0C, 13, 0x0C),
}


class TestEscalation:
    """What happens when an exception cannot be delivered: Intel SDM volume 3, table 6-5."""

    @pytest.mark.parametrize(
        ("change", "vector", "code"),
        [
            ({"kind": 0x0E}, 11, 6 * 8 + 2),
            ({"kind": 0x8C}, 13, 6 * 8 + 2),
            ({"offset": 1 << 47}, 13, 0),
            *(({"selector": s}, v, c) for s, v, c in NOT_CODE.values()),
        ],
    )
    def test_a_bad_gate_is_an_exception_of_its_own(
        self, change: dict[str, int], vector: int, code: int
    ) -> None:
        """#UD is benign: what goes wrong in its delivery is delivered instead, marked external."""
        segments = [*tables(), gate(6, **change)]
        with guest(with_handlers("ud2"), segments=segments) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (vector, code | 1)
            assert frame.rip == offset_of("")

    def test_int_n_is_not_external(self) -> None:
        with guest(with_handlers("int 40"), segments=tables()) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (13, 40 * 8 + 2)
            assert frame.rip == offset_of("")

    @pytest.mark.parametrize(
        "body", ["xor ecx, ecx; div ecx", f"mov rax, {UNMAPPED}; mov rax, [rax]"]
    )
    def test_two_that_do_not_go_together_are_a_double_fault(self, body: str) -> None:
        segments = [*tables(), gate(0, kind=0), gate(14, kind=0)]
        with guest(with_handlers(body), segments=segments) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (8, 0)

    def test_no_stack_for_the_frame(self) -> None:
        body = f"mov rsp, {UNMAPPED}; ud2"
        with guest(with_handlers(body), segments=[*tables(), gate(14, ist=1)]) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (14, 2)
            assert machine["cr2"] == UNMAPPED - 8

    def test_no_stack_for_any_frame(self) -> None:
        body = f"mov rsp, {UNMAPPED}; ud2"
        assert stop_of(with_handlers(body), segments=tables()) == TripleFault(
            offset_of(f"mov rsp, {UNMAPPED}"), 8
        )

    def test_a_stack_on_a_read_only_page(self) -> None:
        body = f"mov rsp, {LOW_READ_ONLY + 0x1000}; ud2"
        with guest(with_handlers(body), segments=[*tables(), gate(14, ist=1)]) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (14, 3)

    def test_write_protection_can_be_switched_off(self) -> None:
        body = f"mov rax, cr0; btr rax, 16; mov cr0, rax; mov rsp, {LOW_READ_ONLY + 0x1000}; ud2"
        with guest(with_handlers(body), segments=tables()) as machine:
            assert machine.frame(machine.run()).vector == 6

    def test_an_interrupt_stack_beyond_the_tss(self) -> None:
        short = Segment(GDT + TSS_SELECTOR, struct.pack("<H", 0x2A))
        segments = [*tables(), gate(6, ist=1), short]
        with guest(with_handlers("ud2"), segments=segments) as machine:
            frame = machine.frame(machine.run())
            assert (frame.vector, frame.error_code) == (10, TSS_SELECTOR | 1)

    @pytest.mark.parametrize(
        "ending",
        [
            f"lidt [{DATA + 64:#x}]; ud2",
            f"lgdt [{DATA + 64:#x}]; ud2",
            f"mov eax, {HEAP}; mov cr3, rax",
            "mov eax, 0xffffff000; mov cr3, rax",
        ],
    )
    def test_tables_that_are_gone(self, ending: str) -> None:
        ending = ending.replace("eax, 0xffffff000", "rax, 0xffffff000")
        assert isinstance(stop_of(with_handlers(ending), segments=tables()), TripleFault)

    def test_the_tables_of_the_boot_state_cannot_take_an_exception(self) -> None:
        assert isinstance(stop_of("ud2"), TripleFault)

    def test_a_handler_that_faults_for_ever_stays_interruptible(self) -> None:
        again = Segment(HANDLERS + 6 * 16, b"\x0f\x0b")
        with guest(with_handlers("ud2"), segments=[*tables(ist=1), again]) as machine:
            machine.engine.interrupt()
            assert type(machine.run()).__name__ == "Interrupted"
            for _ in range(3):
                stop = machine.engine.run_instructions(0)
                assert type(stop).__name__ == "TargetReached"


def test_registers_that_look_like_the_marks_of_the_probe_mislead_nobody() -> None:
    marks = "mov rax, 0x5ca1ab1e0ddba115; mov rcx, 0x0123456789abcdef; mov dr0, rax; mov dr1, rcx"
    code = with_handlers(f"{marks}; mov rsi, {UNMAPPED}; mov rsi, [rsi]")
    with guest(code, segments=tables()) as machine:
        frame = machine.frame(machine.run())
        assert (frame.vector, frame.error_code) == (14, 0)
        assert machine["rcx"] == 0x0123456789ABCDEF


def test_an_exception_is_a_value() -> None:
    assert Raised(14, 2, 5) == Raised(14, 2, 5)
    assert Raised(6).error_code is None


def test_the_task_register_is_busy_once() -> None:
    frame, _ = frame_of(f"mov eax, {TSS_SELECTOR}", "ltr ax")
    assert (frame.vector, frame.error_code) == (13, TSS_SELECTOR)


def test_code_and_tables_do_not_overlap() -> None:
    places = sorted((s.gpa, s.gpa + len(s.data)) for s in tables())
    assert all(end <= start for (_, end), (start, _) in pairwise(places))
    assert CODE < HANDLERS < IDT < TSS < GDT < DATA < IST_TOP < STACK_TOP < HEAP
