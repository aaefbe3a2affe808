from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from monitors.elf import read_image
from monitors.errors import GuestRefused
from monitors.hvt.boot import boot_state, memory_size
from monitors.manifest import AttachedBlock, AttachedNet, DeviceType, manifest_of
from monitors.ports import BootRequest, GuestImage, Protection

MIB = 1 << 20
MANIFEST = manifest_of([("disk", DeviceType.BLOCK_BASIC), ("net0", DeviceType.NET_BASIC)])
ATTACHMENTS = (
    AttachedBlock(1, "disk", 1 << 20, 512),
    AttachedNet(2, "net0", bytes.fromhex("020000000001"), 1500),
)


@pytest.fixture
def image(elf) -> GuestImage:
    return read_image(elf.Elf().build(), name="app.hvt")


@pytest.fixture
def request_(image) -> BootRequest:
    return BootRequest(image, 16 * MIB, 2_500_000_000, b"--solo5:quiet hello")


@pytest.fixture
def place(flat_memory):
    """The memory of a guest at its first instruction."""

    def place(request: BootRequest) -> bytes:
        memory = flat_memory(request.mem_size)
        for segment in boot_state(request).segments:
            memory.write(segment.gpa, segment.data)
        return bytes(memory.bytes)

    return place


def u64s(memory: bytes, gpa: int, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}Q", memory, gpa)


@pytest.mark.parametrize(
    ("mib", "size"),
    [(1, 2), (2, 2), (3, 2), (4, 4), (5, 4), (512, 512), (4095, 4094), (4096, 4096)],
)
def test_memory_sizes(mib, size):
    assert memory_size(mib) == size * MIB


@pytest.mark.parametrize("mib", [0, -1, 4097, 1 << 40])
def test_refused_memory_sizes(mib):
    with pytest.raises(GuestRefused, match="MiB"):
        memory_size(mib)


def test_registers_at_entry(request_):
    zero = (
        *("rax", "rbx", "rcx", "rdx", "rsi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13"),
        *("r14", "r15", "fs_base", "gs_base", "idtr_base", "idtr_limit", "tr", "tr_base"),
        *("tr_limit", "ldtr", "cr2", "cr8"),
    )
    assert boot_state(request_).registers == {
        **dict.fromkeys(zero, 0),
        "rip": 0x100020,
        "rsp": 16 * MIB - 8,
        "rdi": 0x10000,
        "rflags": 0x2,
        "cs": 8,
        **dict.fromkeys(("ds", "es", "fs", "gs", "ss"), 0x10),
        "gdtr_base": 0x1000,
        "gdtr_limit": 23,
        "cr0": 0x80010021,
        "cr3": 0x2000,
        "cr4": 0x620,
        "efer": 0x500,
        "mxcsr": 0x1F80,
        "fcw": 0x37F,
        "ftw": 0xFFFF,
    }


def test_descriptors(place, request_):
    memory = place(request_)
    assert u64s(memory, 0x1000, 4) == (0, 0x00AF99000000FFFF, 0x00CF93000000FFFF, 0)


@pytest.mark.parametrize("mem_size", [2 * MIB, 16 * MIB, 4096 * MIB])
def test_page_tables(image, mem_size):
    """The spec's values with accessed (0x20) everywhere and dirty (0x40) on leaves."""
    low = bytearray(0x9000)
    for segment in boot_state(BootRequest(image, mem_size, 1)).segments:
        if segment.gpa < len(low):
            low[segment.gpa : segment.gpa + len(segment.data)] = segment.data
    assert u64s(low, 0x2000, 512) == (0x3023, *[0] * 511)
    assert u64s(low, 0x3000, 512) == (0x4023, 0x5023, 0x6023, 0x7023, *[0] * 508)
    big = [0x8023, *(i * 2 * MIB | 0xE3 for i in range(1, mem_size // (2 * MIB)))]
    assert u64s(low, 0x4000, 2048) == (*big, *[0] * (2048 - len(big)))
    pages = [0] * 16
    pages += [page * 0x1000 | 0x61 for page in range(0x10, 0x100)]
    pages += [page * 0x1000 | 0x63 for page in range(0x100, 0x200)]
    assert u64s(low, 0x8000, 512) == tuple(pages)


def test_boot_information(place, request_):
    memory = place(request_)
    boot_info = struct.unpack_from("<QQQQQIIQ", memory, 0x10000)
    cmdline = 0x10038 + 112
    assert boot_info == (16 * MIB, 0x104000, 2_500_000_000, cmdline, 0x10038, 0, 0, 0)
    assert memory[0x10038:cmdline] == request_.image.manifest.pack()
    assert memory[cmdline : cmdline + 20] == b"--solo5:quiet hello\0"
    assert not any(memory[cmdline + 20 : 0x100000])


def test_manifest_copy_is_attached(place, request_):
    attached = replace(
        request_, image=replace(request_.image, manifest=MANIFEST), attachments=ATTACHMENTS
    )
    memory = place(attached)
    packed = MANIFEST.pack(ATTACHMENTS)
    assert memory[0x10038 : 0x10038 + len(packed)] == packed
    assert u64s(memory, 0x10018, 2) == (0x10038 + len(packed), 0x10038)


def test_image_is_placed_and_protected(place, request_):
    memory = place(request_)
    assert memory[0x100000:0x100064] == b"\x90" * 100
    assert memory[0x102000:0x102005] == b"data\0"
    assert boot_state(request_).protections == (Protection(0x100000, 0x101000, writable=False),)


def test_nothing_else_is_written(place, request_):
    memory = bytearray(place(request_))
    for start, end in ((0x1000, 0x9000), (0x10000, 0x12100), (0x100000, 0x103000)):
        memory[start:end] = bytes(end - start)
    assert not any(memory)


def test_longest_command_line(place, request_):
    memory = place(replace(request_, command_line=b"x" * 8191))
    assert memory[0x10038 + 112 :][:8193] == b"x" * 8191 + b"\0\0"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"command_line": b"x" * 8192}, "command line of 8192 bytes"),
        ({"mem_size": 0}, "memory of"),
        ({"mem_size": 3 * MIB}, "memory of"),
        ({"mem_size": 16 * MIB + 1}, "memory of"),
        ({"mem_size": 4098 * MIB}, "memory of"),
        ({"mem_size": -2 * MIB}, "memory of"),
        ({"tsc_hz": 0}, "0 Hz"),
        ({"tsc_hz": 1 << 64}, "Hz"),
    ],
)
def test_refused_requests(request_, changes, text):
    with pytest.raises(GuestRefused, match=text):
        boot_state(replace(request_, **changes))


def test_image_that_does_not_fit(request_):
    image = replace(request_.image, kernel_end=3 * MIB)
    with pytest.raises(GuestRefused, match="segments end"):
        boot_state(replace(request_, image=image, mem_size=2 * MIB))


def test_unattached_devices_are_named(request_):
    image = replace(request_.image, manifest=MANIFEST)
    with pytest.raises(GuestRefused, match=r"'net0' \(NET_BASIC\)"):
        boot_state(replace(request_, image=image, attachments=ATTACHMENTS[:1]))


def test_attachment_that_the_guest_did_not_declare(request_):
    with pytest.raises(GuestRefused, match="'disk' with handle 1"):
        boot_state(replace(request_, attachments=ATTACHMENTS[:1]))
