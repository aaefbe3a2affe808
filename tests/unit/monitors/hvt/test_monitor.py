from __future__ import annotations

import struct

from monitors.calls.clock import ClockReading, WallClock
from monitors.calls.lifecycle import Misuse
from monitors.calls.net import NetWrite
from monitors.elf import read_image
from monitors.hvt.monitor import HvtMonitor
from monitors.manifest import AttachedNet, DeviceType, Manifest, manifest_of
from monitors.ports import BootRequest, Monitor, PortWrite

MEM_SIZE = 2 << 20


def test_a_crossing_from_exit_to_answer(flat_memory):
    monitor: Monitor = HvtMonitor(Manifest())
    memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
    crossing = monitor.decode(PortWrite(0x501, 0x2000, 4), memory)
    assert crossing.call == WallClock()
    assert monitor.encode(crossing, ClockReading(7), memory) == {}
    assert memory.read(0x2000, 8) == struct.pack("<Q", 7)


def test_boot_and_memory_size(elf):
    monitor = HvtMonitor(Manifest())
    image = read_image(elf.Elf().build(), name="app")
    state = monitor.boot(BootRequest(image, monitor.memory_size(3), 1))
    assert state.registers["rsp"] == MEM_SIZE - 8
    assert monitor.name == "hvt"


def test_last_byte_of_memory_is_out_of_reach(flat_memory):
    monitor = HvtMonitor(Manifest())
    memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
    last = monitor.decode(PortWrite(0x501, MEM_SIZE - 9, 4), memory)
    assert last.call == WallClock()
    beyond = monitor.decode(PortWrite(0x501, MEM_SIZE - 8, 4), memory)
    assert isinstance(beyond.call, Misuse)


def test_devices_decide_which_calls_exist(flat_memory):
    manifest = manifest_of([("net0", DeviceType.NET_BASIC)])
    monitor = HvtMonitor(manifest, [AttachedNet(1, "net0", bytes(6), 1500)])
    memory = monitor.memory(flat_memory(MEM_SIZE), MEM_SIZE)
    memory.write(0x2000, struct.pack("<QQQii", 1, 0x3000, 2, 0, 0))
    assert monitor.decode(PortWrite(0x506, 0x2000, 4), memory).call == NetWrite(1, b"\0\0")
    assert isinstance(monitor.decode(PortWrite(0x504, 0x2000, 4), memory).call, Misuse)
