from __future__ import annotations

import struct
from typing import Any

import pytest

from replay.engines.fxsave import XMM
from replay.engines.kvm import api
from replay.engines.kvm.processor import Processor

STATE = {
    **{name: 3 * number for number, name in enumerate(api.GENERAL)},
    **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 16),
    "cs": 8,
    "cr0": 0x80010021,
    "cr2": 1,
    "cr3": 0x2000,
    "cr4": 0x620,
    "cr8": 3,
    "efer": 0x500,
    "fs_base": 0x123456789,
    "gs_base": 7,
    "tr": 0x18,
    "tr_base": 0x4000,
    "tr_limit": 0x67,
    "gdtr_base": 0x1000,
    "gdtr_limit": 23,
    "idtr_base": 0x5000,
    "idtr_limit": 0xFFF,
    "star": 1,
    "lstar": 2,
    "sfmask": 3,
    "kernel_gs_base": 4,
    "xmm7": 1 << 127,
    "mxcsr": 0x1F80,
    "fcw": 0x37F,
    "fsw": 0x3800,
    "ftw": 0x3FFF,
    "st0": 0x3FFF8000000000000000,
}


@pytest.fixture
def vcpu(scripted: Any) -> Any:
    return scripted([]).vcpu


def test_a_state_comes_back(vcpu: Any) -> None:
    cpu = Processor(vcpu)
    cpu.load(STATE)
    values = cpu.all()
    assert {name: values[name] for name in STATE} == {**STATE, "rflags": STATE["rflags"] | 2}
    assert all(cpu.get(name) == value for name, value in values.items())


def test_everything_is_synchronised(vcpu: Any) -> None:
    cpu = Processor(vcpu)
    assert vcpu.page[api.VALID_REGS_AT] == api.SYNC_ALL
    cpu.load(STATE)
    assert vcpu.page[api.DIRTY_REGS_AT] == api.SYNC_ALL


def test_only_what_changed_is_dirty(vcpu: Any) -> None:
    """KVM clears the mark itself, at every entry."""
    cpu = Processor(vcpu)
    cpu.set("rax", 5)
    assert vcpu.page[api.DIRTY_REGS_AT] == api.SYNC_REGS
    cpu.left()
    vcpu.page[api.DIRTY_REGS_AT] = 0
    cpu.set("cr2", 5)
    assert vcpu.page[api.DIRTY_REGS_AT] == api.SYNC_SREGS


def test_the_task_priority_lies_in_two_places(vcpu: Any) -> None:
    Processor(vcpu).set("cr8", 9)
    assert struct.unpack_from("<Q", vcpu.page, api.CR8_AT) == (9,)


def test_the_resume_flag_is_hidden(vcpu: Any) -> None:
    cpu = Processor(vcpu)
    cpu.set("rflags", 0x10202)
    assert cpu.get("rflags") == cpu.all()["rflags"] == 0x202


def test_code_is_64_bit_and_the_task_is_busy(vcpu: Any) -> None:
    Processor(vcpu).load(STATE)
    cs = api.SEGMENT.unpack_from(vcpu.page, api.SREGS_AT)
    tr = api.SEGMENT.unpack_from(vcpu.page, api.SREGS_AT + 24 * api.SEGMENTS.index("tr"))
    ldt = api.SEGMENT.unpack_from(vcpu.page, api.SREGS_AT + 24 * api.SEGMENTS.index("ldt"))
    assert cs[2:9] == (8, 0xB, 1, 0, 0, 1, 1)
    assert tr[:5] == (0x4000, 0x67, 0x18, 0xB, 1)
    assert ldt[11] == 1


def test_what_a_host_has_besides_stays(vcpu: Any) -> None:
    """XSAVE areas grow with the host; only the legacy part and its mark are the guest's."""
    vcpu.area = bytearray(range(256)) * 44
    before = bytes(vcpu.area)
    Processor(vcpu).set("xmm0", 5)
    assert len(vcpu.area) == len(before)
    assert vcpu.area[513:] == before[513:]
    assert vcpu.area[512] & 3 == 3


def test_a_state_that_names_no_registers_of_the_x87_resets_them(vcpu: Any) -> None:
    cpu = Processor(vcpu)
    cpu.load(STATE)
    cpu.load({name: value for name, value in STATE.items() if name not in (*XMM, "st0", "ftw")})
    assert (cpu.get("xmm7"), cpu.get("st0"), cpu.get("ftw")) == (0, 0, 0xFFFF)


def test_an_exception_with_and_without_a_code(vcpu: Any) -> None:
    cpu = Processor(vcpu)
    cpu.inject(13, 0x18)
    assert vcpu.page[api.EVENTS_AT : api.EVENTS_AT + 8] == bytes((1, 13, 1, 0, 0x18, 0, 0, 0))
    cpu.inject(6)
    assert vcpu.page[api.EVENTS_AT : api.EVENTS_AT + 8] == bytes((1, 6, 0, 0, 0, 0, 0, 0))
