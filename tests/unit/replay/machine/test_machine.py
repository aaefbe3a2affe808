"""Booting: what an engine is given, in which order, and what is refused before it is given any."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.elf import read_image
from monitors.errors import BadGuestPointer, BadImage, GuestRefused
from monitors.hvt.boot import boot_state
from monitors.manifest import AttachedBlock
from monitors.ports import BootRequest, BootState, Exit, Hlt, Protection, Registers
from monitors.vcpu import virtual_cpu
from replay.engines.errors import EngineFailure
from replay.engines.ram import GuestRam
from replay.machine.machine import Machine, boot_machine
from replay.machine.plan import MachinePlan
from tests.unit.monitors.elf_builder import TEXT, Elf, abi_note, manifest_bytes, manifest_note, text
from tests.unit.replay.recordings import new_engine

MIB = 1 << 20
HLT = b"\xf4"
ENTRY = Elf().entry
CODE = bytes(range(1, ENTRY - TEXT.vaddr + 1)) + HLT
BLOCK_BASIC = 1


class Engine:
    """Executes nothing; ``steps`` says what was asked of it."""

    def __init__(self, broken: str = "") -> None:
        self.steps: list[str] = []
        self.protections: Sequence[Protection] = ()
        self.values: Registers = {}
        self.at_map = b""
        self._broken = broken

    def map(self, ram: GuestRam, protections: Sequence[Protection]) -> None:
        self._step("map")
        self.ram = ram
        self.protections = protections
        self.at_map = bytes(ram.view[TEXT.vaddr : TEXT.vaddr + len(CODE)])

    def read(self, gpa: int, size: int) -> bytes:
        self._step("read")
        return bytes(self.ram.view[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        self._step("write")
        self.ram.view[gpa : gpa + len(data)] = data

    def registers(self) -> Registers:
        return self.values

    def set_registers(self, values: Registers) -> None:
        self._step("set_registers")
        self.values = values

    def run(self) -> Exit:
        raise AssertionError("booting runs nothing")

    def interrupt(self) -> None:
        raise AssertionError("booting interrupts nothing")

    def close(self) -> None:
        self._step("close")

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name == self._broken:
            raise EngineFailure(name)


def plan(elf: Elf | bytes = b"", **changes: object) -> MachinePlan:
    elf = elf or text(data=CODE)
    guest = elf.build() if isinstance(elf, Elf) else elf
    made = MachinePlan(
        guest=guest,
        guest_name="a.hvt",
        mem_size=4 * MIB,
        tsc_hz=2_000_000_000,
        cpu=virtual_cpu("westmere"),
        command_line=b"some words",
    )
    return replace(made, **changes)


def boot_of(plan_: MachinePlan) -> BootState:
    """What the guest's monitor says about the same guest."""
    return boot_state(
        BootRequest(
            image=read_image(plan_.guest, name=plan_.guest_name),
            mem_size=plan_.mem_size,
            tsc_hz=plan_.tsc_hz,
            command_line=plan_.command_line,
            attachments=plan_.attachments,
        )
    )


def open_files() -> int:
    gc.collect()  # what other tests have left behind
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def machine(engine: Engine) -> Iterator[Machine]:
    made = boot_machine(plan(), engine)
    yield made
    made.close()


def test_memory_holds_the_segments_and_zeros(machine: Machine) -> None:
    expected = bytearray(machine.plan.mem_size)
    for segment in boot_of(machine.plan).segments:
        expected[segment.gpa : segment.gpa + len(segment.data)] = segment.data
    assert machine.ram.size == machine.plan.mem_size
    assert bytes(machine.ram.view) == expected
    assert bytes(machine.ram.view[TEXT.vaddr : TEXT.vaddr + len(CODE)]) == CODE
    assert bytes(machine.ram.view[0x102000:0x102005]) == b"data\0"


def test_an_engine_gets_full_memory_first_and_registers_then(
    machine: Machine, engine: Engine
) -> None:
    assert engine.steps == ["map", "set_registers"]
    assert engine.ram is machine.ram
    assert engine.at_map == CODE


def test_an_engine_gets_the_boots_registers(machine: Machine, engine: Engine) -> None:
    assert engine.values == boot_of(machine.plan).registers
    assert engine.values["rip"] == ENTRY
    assert engine.values["rsp"] == machine.plan.mem_size - 8


def test_code_is_protected_and_data_is_not(machine: Machine, engine: Engine) -> None:
    assert list(engine.protections) == list(boot_of(machine.plan).protections)
    protected = [(p.start, p.end, p.writable) for p in engine.protections]
    assert (0x100000, 0x101000, False) in protected
    assert not any(start < 0x104000 and end > 0x102000 for start, end, _ in protected)


def test_the_plan_is_what_the_guest_is_told(engine: Engine) -> None:
    words = b"other words"
    asked = plan(command_line=words, tsc_hz=123_456_789, mem_size=8 * MIB)
    machine = boot_machine(asked, engine)
    start = bytes(machine.ram.view[0x10000:0x14000])
    assert words + b"\0" in start
    assert (123_456_789).to_bytes(8, "little") in start
    assert start.startswith((8 * MIB).to_bytes(8, "little"))
    machine.close()


def test_devices_of_the_plan_reach_the_guest(engine: Engine) -> None:
    manifest = manifest_note(manifest_bytes((b"storage", BLOCK_BASIC)))
    elf = replace(text(data=CODE), manifest=manifest)
    disk = AttachedBlock(1, "storage", 0x1234_5678_9000, 512)
    machine = boot_machine(plan(elf, attachments=(disk,)), engine)
    start = bytes(machine.ram.view[0x10000:0x14000])
    assert disk.capacity_bytes.to_bytes(8, "little") in start[start.index(b"storage") :]
    machine.close()


def test_an_image_that_was_read_already_is_not_read_again(engine: Engine) -> None:
    image = read_image(plan().guest, name="a.hvt")
    machine = boot_machine(plan(b"not read"), engine, image)
    assert machine.image is image
    assert engine.values["rip"] == ENTRY
    machine.close()


def test_the_monitors_memory_is_the_engines_within_its_bounds(
    machine: Machine, engine: Engine
) -> None:
    machine.memory.write(0x200000, b"written")
    assert machine.memory.read(0x200000, 7) == b"written"
    assert bytes(machine.ram.view[0x200000:0x200007]) == b"written"
    assert engine.steps[2:] == ["write", "read"]
    for gpa, size in ((4 * MIB, 1), (4 * MIB - 4, 8), ((1 << 64) - 1, 1)):
        with pytest.raises(BadGuestPointer):
            machine.memory.read(gpa, size)
    assert len(engine.steps) == 4


REFUSED = {
    "no ELF": (plan(b"no ELF file"), "not an ELF file"),
    "cut short": (plan(plan().guest[:200]), "a.hvt: "),
    "another target": (plan(Elf(abi=abi_note(target=3))), "guests of target"),
    "another version": (plan(Elf(abi=abi_note(version=3))), "ABI version 3"),
    "beyond memory": (plan(text(vaddr=8 * MIB), mem_size=4 * MIB), "segment"),
    "no place for it": (plan(mem_size=MIB), "memory of"),
    "too many words": (plan(command_line=b"x" * 8192), "command line of 8192 bytes"),
    "a device missing": (
        plan(Elf(manifest=manifest_note(manifest_bytes((b"storage", BLOCK_BASIC))))),
        "'storage'",
    ),
    "a device too many": (plan(attachments=(AttachedBlock(1, "d", 512, 512),)), "no BLOCK_BASIC"),
}


@pytest.mark.parametrize(("asked", "words"), REFUSED.values(), ids=REFUSED)
def test_a_guest_that_cannot_be_run_reaches_no_engine(
    asked: MachinePlan, words: str, engine: Engine
) -> None:
    with pytest.raises(GuestRefused, match=words):
        boot_machine(asked, engine)
    assert engine.steps == []


def test_a_guest_larger_than_memory_is_a_bad_image(engine: Engine) -> None:
    image = text(data=CODE, memsz=6 * MIB)
    elf = replace(image, loads=(image.loads[0],))
    with pytest.raises(BadImage, match="beyond 0x400000 bytes"):
        boot_machine(plan(elf), engine)
    boot_machine(plan(elf, mem_size=8 * MIB), engine).close()


@pytest.mark.parametrize("step", ["map", "set_registers"])
def test_an_engine_that_fails_leaves_no_memory_behind(step: str) -> None:
    before = open_files()
    engine = Engine(broken=step)
    with pytest.raises(EngineFailure):
        boot_machine(plan(), engine)
    del engine
    gc.collect()
    assert open_files() == before


def test_close_frees_the_memory_whatever_the_engine_does(engine: Engine) -> None:
    before = open_files()
    machine = boot_machine(plan(), engine)
    assert open_files() > before
    machine.close()
    machine.close()
    assert engine.steps[2:] == ["close", "close"]
    assert open_files() == before
    with pytest.raises(ValueError):
        machine.ram.view[0]


def test_a_real_engine_starts_at_the_entry_with_the_boots_registers() -> None:
    before = open_files()
    machine = boot_machine(plan(), new_engine())
    boot = boot_of(machine.plan).registers
    actual = machine.engine.registers()
    assert {name: actual[name] for name in boot if name in actual} == {
        name: value for name, value in boot.items() if name in actual
    }
    assert {"rip", "rsp", "rdi", "rflags", "mxcsr"} <= set(actual)
    assert machine.engine.run() == Hlt(ENTRY)
    machine.close()
    machine.close()
    assert open_files() == before
