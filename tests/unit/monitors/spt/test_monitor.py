from __future__ import annotations

import struct

import pytest

from monitors.calls.clock import ClockReading, WallClock
from monitors.calls.lifecycle import Misuse
from monitors.calls.net import NetWrite
from monitors.elf import read_image
from monitors.manifest import AttachedNet
from monitors.ports import Answered, BootRequest, Monitor, SystemCall
from monitors.spt.abi import device_fd
from monitors.spt.linux import Number
from monitors.spt.monitor import SptMonitor

MEM_SIZE = 3 << 20
CLOCK = SystemCall(Number.CLOCK_GETTIME, (0, 0x110000, 0, 0, 0, 0), 0x100102)


@pytest.fixture
def image(elf):
    return read_image(elf.Elf(abi=elf.abi_note(2)).build(), name="app")


def test_a_crossing_from_exit_to_answer(image, flat_memory):
    monitor: Monitor = SptMonitor(image)
    memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
    crossing = monitor.decode(CLOCK, memory)
    assert crossing.call == WallClock()
    changed = monitor.encode(crossing, ClockReading(7), memory)
    assert changed == {"rax": 0, "rcx": 0x100102, "r11": 0x202}
    assert memory.read(0x110000, 16) == struct.pack("<QQ", 0, 7)


def test_boot_and_memory_size(image):
    monitor = SptMonitor(image)
    state = monitor.boot(BootRequest(image, monitor.memory_size(3), 1))
    assert state.registers["rsp"] == MEM_SIZE - 8
    assert monitor.name == "spt"


def test_the_images_rights_are_respected(image, flat_memory):
    monitor = SptMonitor(image)
    memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
    into_text = SystemCall(Number.CLOCK_GETTIME, (0, 0x100000, 0, 0, 0, 0), 0x100102)
    answered = monitor.decode(into_text, memory)
    assert isinstance(answered, Answered)
    assert answered.registers["rax"] == (1 << 64) - 14


def test_devices_decide_which_calls_exist(image, flat_memory):
    write = SystemCall(Number.WRITE, (device_fd(1), 0x110000, 2, 0, 0, 0), 0x100102)
    for attachments, expected in (
        ([AttachedNet(1, "net0", bytes(6), 1500)], NetWrite),
        ([], Misuse),
    ):
        monitor = SptMonitor(image, attachments)
        memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
        assert isinstance(monitor.decode(write, memory).call, expected)
