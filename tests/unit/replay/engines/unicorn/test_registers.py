from __future__ import annotations

import pytest

from monitors.hvt.boot import boot_state
from monitors.manifest import Manifest
from monitors.ports import BootRequest, GuestImage, Hlt, Segment
from replay.engines.errors import EngineFailure
from tests.unit.replay.engines.guests import (
    CODE,
    GDT,
    HANDLERS,
    HEAP,
    MEM_BYTES,
    STACK_TOP,
    TSS,
    TSS_SELECTOR,
    guest,
    tables,
    with_handlers,
)


def test_the_boot_state_is_what_the_guest_starts_with() -> None:
    image = GuestImage("hvt", 2, Manifest(()), CODE, (), (), CODE)
    boot = boot_state(BootRequest(image=image, mem_size=MEM_BYTES, tsc_hz=1)).registers
    with guest(b"\xf4") as machine:
        registers = machine.engine.registers()
        wanted = {**boot, "rsp": STACK_TOP}
        unknown = {"ldtr"}
        assert {name: registers[name] for name in wanted if name not in unknown} == {
            name: value for name, value in wanted.items() if name not in unknown
        }
        assert registers["star"] == registers["lstar"] == registers["kernel_gs_base"] == 0
        assert registers["fsw"] == 0
        assert all(registers[f"st{n}"] == 0 for n in range(8))


def test_loading_the_boot_state_leaves_memory_as_it_was() -> None:
    with guest(b"\xf4") as machine:
        assert machine.word(0x1008) == 0x00AF99000000FFFF


def test_tables_that_the_guest_loads() -> None:
    with guest(with_handlers("hlt"), segments=tables()) as machine:
        machine.run()
        registers = machine.engine.registers()
        assert (registers["gdtr_base"], registers["gdtr_limit"]) == (GDT, 39)
        assert registers["idtr_limit"] == 32 * 16 - 1
        assert (registers["tr"], registers["tr_base"], registers["tr_limit"]) == (
            TSS_SELECTOR,
            TSS,
            0x67,
        )


def test_floating_point_registers_are_whole_numbers() -> None:
    with guest("fld1; fldpi; movq xmm7, rsp; pinsrq xmm7, rsp, 1; hlt") as machine:
        machine.run()
        registers = machine.engine.registers()
        assert registers["st1"] == 0x3FFF_8000_0000_0000_0000
        assert registers["st0"] == 0x4000_C90F_DAA2_2168_C235
        assert registers["xmm7"] == STACK_TOP << 64 | STACK_TOP
        assert all(type(value) is int for value in registers.values())


def test_the_resume_flag_is_not_shown() -> None:
    with guest(
        "push 0x10; push rsp; push 0x10002; push 8; lea rax, [rip + 1f]; push rax; iretq; 1: hlt",
        segments=tables(),
    ) as machine:
        machine.engine.set_registers({"rsp": STACK_TOP})
        machine.run()
        assert not machine["rflags"] & 0x10000


FULL_OF_STATE = """
    fld1; fldpi; fldz; fldl2e; fstp st(0)
    mov rax, 0x0123456789abcdef; movq xmm3, rax; pinsrq xmm3, rax, 1
    mov ecx, 0xc0000082; mov eax, 0x1000; xor edx, edx; wrmsr
    mov ecx, 0xc0000102; mov edx, 0x7fff; wrmsr
    mov ecx, 0xc0000100; mov eax, 0x140000; xor edx, edx; wrmsr
    push 0x1f80 | 0x6000; ldmxcsr [rsp]
    push 0x77f; fldcw [rsp]
    mov eax, 0x5; mov cr8, rax; mov eax, 0x77; mov cr2, rax
    stc; std
    hlt
    fadd st(0), st(1); fstp qword ptr [rsp]; pushfq; push rbx; mov rax, fs:[0]; mov ebx, ss
    hlt
"""
"""Guest code that stops with something in every kind of register, and goes on to use it."""


def test_a_whole_state_moves_to_another_processor() -> None:
    data = [Segment(HANDLERS, b"fs-based")]
    program = with_handlers(FULL_OF_STATE)
    with guest(program, segments=tables() + data) as first:
        first.run()
        state = first.engine.registers()
        assert state["st0"] == 0
        assert state["ftw"] != 0
        assert state["fsw"] & 0x3800 == 5 << 11
        memory = bytes(first.ram.view)
        first.run()
        with guest(b"\xf4") as second:
            second.ram.view[:] = memory
            second.engine.set_registers(state)
            assert second.engine.registers() == state
            assert bytes(second.ram.view) == memory
            second.run()
            assert second.engine.registers() == first.engine.registers()
            assert bytes(second.ram.view) == bytes(first.ram.view)


def test_selectors_are_numbers_that_need_no_descriptor() -> None:
    wanted = {"ds": 0x23, "es": 0, "fs": 0x0F, "gs": 0xFFF3, "ss": 0, "cs": 0x38, "fs_base": 0x1234}
    with guest("nop; hlt; push rax; mov eax, gs; hlt") as machine:
        machine.run()
        state = {**machine.engine.registers(), **wanted}
        machine.engine.set_registers(state)
        assert machine.engine.registers() == state
        machine.run()
        assert machine["rax"] == 0xFFF3
        assert machine["rsp"] == STACK_TOP - 8


def test_a_later_state_comes_with_other_memory() -> None:
    with guest("mov eax, 1; hlt; mov eax, 2; hlt") as machine:
        machine.run()
        state = machine.engine.registers()
        machine.run()
        assert machine["rax"] == 2
        machine.ram.view[CODE + 7] = 9  # not through the engine, which has translated it
        machine.engine.set_registers(state)
        machine.run()
        assert machine["rax"] == 9


def test_page_tables_that_are_not_flat_any_more_are_believed() -> None:
    with guest("mov eax, 1; hlt; mov eax, 2; hlt") as machine:
        machine.run()
        state = machine.engine.registers()
        entry = 0x8000 + (CODE >> 12) * 8
        machine.ram.view[HEAP : HEAP + 4096] = machine.ram.view[CODE : CODE + 4096]
        machine.ram.view[HEAP + 7] = 9
        machine.ram.view[entry : entry + 8] = (HEAP | 0x63).to_bytes(8, "little")
        machine.engine.set_registers(state)
        assert machine.run() == Hlt(CODE + 11)
        assert machine["rax"] == 9


def test_a_register_that_no_engine_has() -> None:
    with guest(b"\xf4") as machine, pytest.raises(EngineFailure, match="bnd0"):
        machine.engine.set_registers({"bnd0": 1})
