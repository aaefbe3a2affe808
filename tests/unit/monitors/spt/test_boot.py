from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from monitors.elf import read_image
from monitors.errors import GuestRefused
from monitors.manifest import AttachedBlock, AttachedNet, DeviceType, manifest_of
from monitors.ports import BootRequest, GuestImage, Protection
from monitors.spt.abi import EPOLL_FD, TIMER_FD, device_fd
from monitors.spt.boot import boot_state, memory_size

MIB = 1 << 20
MANIFEST = manifest_of([("disk", DeviceType.BLOCK_BASIC), ("net0", DeviceType.NET_BASIC)])
ATTACHMENTS = (
    AttachedBlock(1, "disk", 1 << 20, 512),
    AttachedNet(2, "net0", bytes.fromhex("020000000001"), 1500),
)


@pytest.fixture
def image(elf) -> GuestImage:
    text = replace(elf.TEXT, flags=elf.R | elf.X)
    return read_image(elf.Elf(abi=elf.abi_note(2), loads=(text, elf.DATA)).build(), name="app.spt")


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


@pytest.mark.parametrize("mib", [1, 2, 3, 512, 4095, 4096])
def test_memory_sizes_are_not_rounded(mib):
    assert memory_size(mib) == mib * MIB


@pytest.mark.parametrize("mib", [0, -1, 4097, 1 << 40])
def test_refused_memory_sizes(mib):
    with pytest.raises(GuestRefused, match="MiB"):
        memory_size(mib)


def test_registers_at_entry(request_):
    zero = (
        *("rax", "rbx", "rcx", "rdx", "rsi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13"),
        *("r14", "r15", "ds", "es", "fs", "gs", "fs_base", "gs_base", "gdtr_base", "gdtr_limit"),
        *("idtr_base", "idtr_limit", "tr", "tr_base", "tr_limit", "ldtr", "cr2", "cr3", "cr8"),
    )
    assert boot_state(request_).registers == {
        **dict.fromkeys(zero, 0),
        "rip": 0x100020,
        "rsp": 16 * MIB - 8,
        "rdi": 0x11000,
        "rflags": 0x202,
        "cs": 0x33,
        "ss": 0x2B,
        "cr0": 0x80010021,
        "cr4": 0x620,
        "efer": 0xD01,
        "mxcsr": 0x1F80,
        "fcw": 0x37F,
        "ftw": 0xFFFF,
    }


def test_the_registers_named_are_those_of_an_hvt_guest(request_):
    from monitors.hvt.boot import boot_state as hvt_boot_state

    assert boot_state(request_).registers.keys() == hvt_boot_state(request_).registers.keys()


def test_boot_information(place, request_):
    memory = place(request_)
    boot_info = struct.unpack_from("<QQQQii", memory, 0x11000)
    cmdline = 0x11028 + 112
    assert boot_info == (16 * MIB, 0x104000, cmdline, 0x11028, EPOLL_FD, TIMER_FD)
    assert memory[0x11028:cmdline] == request_.image.manifest.pack()
    assert memory[cmdline : cmdline + 20] == b"--solo5:quiet hello\0"
    assert not any(memory[cmdline + 20 : 0x100000])


def test_manifest_copy_is_attached_with_descriptors(place, request_):
    """Those of the attachments themselves belong to somebody else."""
    attached = replace(
        request_,
        image=replace(request_.image, manifest=MANIFEST),
        attachments=[replace(a, hostfd=99) for a in ATTACHMENTS],
    )
    memory = place(attached)
    packed = MANIFEST.pack([replace(a, hostfd=device_fd(a.handle)) for a in ATTACHMENTS])
    assert memory[0x11028 : 0x11028 + len(packed)] == packed
    assert struct.unpack_from("<QQ", memory, 0x11010) == (0x11028 + len(packed), 0x11028)
    hostfds = [struct.unpack_from("<i", memory, 0x11030 + 104 * h + 88)[0] for h in (1, 2)]
    assert hostfds == [device_fd(1), device_fd(2)]


def test_image_is_placed(place, request_):
    memory = place(request_)
    assert memory[0x100000:0x100064] == b"\x90" * 100
    assert memory[0x102000:0x102005] == b"data\0"


def test_nothing_else_is_written(place, request_):
    memory = bytearray(place(request_))
    for start, end in ((0x11000, 0x13098), (0x100000, 0x103000)):
        memory[start:end] = bytes(end - start)
    assert not any(memory)


@pytest.mark.parametrize("executable", [False, True])
def test_protections(request_, executable):
    state = boot_state(replace(request_, executable_heap=executable))
    assert state.protections == (
        Protection(0, 0x10000, writable=False, readable=False, executable=False),
        Protection(0x10000, 0x100000, writable=True, executable=executable),
        Protection(0x100000, 0x101000, writable=False, executable=True),
        Protection(0x101000, 0x102000, writable=True, executable=executable),
        Protection(0x102000, 0x104000, writable=True, executable=False),
        Protection(0x104000, 16 * MIB, writable=True, executable=executable),
    )


def test_longest_command_line(place, request_):
    memory = place(replace(request_, command_line=b"x" * 8191))
    assert memory[0x11028 + 112 :][:8193] == b"x" * 8191 + b"\0\0"


def test_an_odd_number_of_mebibytes(request_):
    assert boot_state(replace(request_, mem_size=3 * MIB)).registers["rsp"] == 3 * MIB - 8


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"command_line": b"x" * 8192}, "command line of 8192 bytes"),
        ({"mem_size": 0}, "memory of"),
        ({"mem_size": 16 * MIB + 4096}, "memory of"),
        ({"mem_size": 4097 * MIB}, "memory of"),
        ({"mem_size": -2 * MIB}, "memory of"),
        ({"mem_size": MIB}, "beyond 0x100000 bytes"),
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
