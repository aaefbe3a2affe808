from __future__ import annotations

from monitors.hvt.boot import boot_state
from monitors.manifest import Manifest
from monitors.ports import BootRequest, GuestImage
from tests.unit.replay.engines.guests import (
    CODE,
    GDT,
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
