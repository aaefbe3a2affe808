from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.calls import RESULT_OF
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSC, TscReading
from monitors.errors import BadAnswer
from monitors.hvt.abi import Hypercall
from monitors.hvt.codec import Devices, decode, encode
from monitors.manifest import AttachedBlock, AttachedNet, DeviceType, manifest_of
from monitors.memory import BoundedMemory
from monitors.ports import (
    Crossing,
    Hlt,
    Interrupted,
    PortRead,
    PortWrite,
    TargetReached,
    TranslationFault,
    Trap,
    TrapKind,
    TripleFault,
    UnbackedAccess,
)

MEM_SIZE = 0x10000
AT = 0x200  # of structures
BUFFER = 0x1000
BLOCK, NET = 1, 2
CAPACITY = 4096
MAX = (1 << 64) - 1

DEVICES = Devices.of(
    manifest_of([("disk", DeviceType.BLOCK_BASIC), ("net0", DeviceType.NET_BASIC)]),
    [AttachedBlock(BLOCK, "disk", CAPACITY, 512), AttachedNet(NET, "net0", bytes(6), 1500)],
)
NO_DEVICES = Devices()


@pytest.fixture
def memory(flat_memory):
    return BoundedMemory(flat_memory(MEM_SIZE), MEM_SIZE, spare=1)


def hypercall(memory, number: int, structure: bytes, *, devices=DEVICES, gpa=AT) -> Crossing:
    memory.write(gpa, structure)
    return decode(PortWrite(0x500 + number, gpa, 4), memory, devices)


def block(handle: int, offset: int, data: int, length: int) -> bytes:
    return struct.pack("<QQQQiI", handle, offset, data, length, 77, 0xFFFFFFFF)


def net(handle: int, data: int, length: int) -> bytes:
    return struct.pack("<QQQiI", handle, data, length, 77, 0xFFFFFFFF)


def misuse(crossing: Crossing) -> MisuseKind:
    assert isinstance(crossing.call, Misuse)
    return crossing.call.kind


def pointer_detail(gpa: int, size: int) -> Misuse:
    detail = f"invalid guest access: gpa={gpa:#x}, size={size:#x}"
    return Misuse(MisuseKind.INVALID_POINTER, detail)


class TestDecode:
    def test_walltime(self, memory):
        assert hypercall(memory, Hypercall.WALLTIME, bytes(8)) == Crossing(WallClock(), AT)

    def test_puts(self, memory):
        memory.write(BUFFER, b"hello\0\xff")
        crossing = hypercall(memory, Hypercall.PUTS, struct.pack("<QQ", BUFFER, 7))
        assert crossing == Crossing(ConsoleWrite(b"hello\0\xff"))

    def test_poll(self, memory):
        structure = struct.pack("<QQiI", MAX, 5, 6, 7)
        assert hypercall(memory, Hypercall.POLL, structure) == Crossing(Poll(MAX), AT)

    def test_block_write(self, memory):
        memory.write(BUFFER, b"x" * 512)
        crossing = hypercall(memory, Hypercall.BLOCK_WRITE, block(BLOCK, 1024, BUFFER, 512))
        assert crossing == Crossing(BlockWrite(BLOCK, 1024, b"x" * 512), AT)

    def test_block_read(self, memory):
        crossing = hypercall(memory, Hypercall.BLOCK_READ, block(BLOCK, 1024, BUFFER, 512))
        assert crossing == Crossing(BlockRead(BLOCK, 1024, 512), AT, BUFFER)

    def test_net_write(self, memory):
        memory.write(BUFFER, b"frame")
        crossing = hypercall(memory, Hypercall.NET_WRITE, net(NET, BUFFER, 5))
        assert crossing == Crossing(NetWrite(NET, b"frame"), AT)

    def test_net_read(self, memory):
        crossing = hypercall(memory, Hypercall.NET_READ, net(NET, BUFFER, 1514))
        assert crossing == Crossing(NetRead(NET, 1514), AT, BUFFER)

    @pytest.mark.parametrize("status", [0, 255, -1, -(1 << 31)])
    def test_halt(self, memory, status):
        structure = struct.pack("<QiI", 0, status, 0xFFFFFFFF)
        assert hypercall(memory, Hypercall.HALT, structure) == Crossing(Halt(status))

    def test_halt_with_a_cookie(self, memory):
        memory.write(BUFFER, b"c" * 600)
        crossing = hypercall(memory, Hypercall.HALT, struct.pack("<QiI", BUFFER, 255, 0))
        assert crossing == Crossing(Halt(255, b"c" * 512))

    def test_last_bytes_of_a_device(self, memory):
        memory.write(BUFFER, b"x" * 8)
        structure = block(BLOCK, CAPACITY - 8, BUFFER, 8)
        written = hypercall(memory, Hypercall.BLOCK_WRITE, structure)
        assert written.call == BlockWrite(BLOCK, CAPACITY - 8, b"x" * 8)
        bad_buffer = block(BLOCK, CAPACITY - 8, MAX, 8)
        for number in (Hypercall.BLOCK_WRITE, Hypercall.BLOCK_READ):
            assert hypercall(memory, number, bad_buffer) == Crossing(pointer_detail(MAX, 8))

    def test_longest_transfer(self):
        devices = Devices(blocks=frozenset({1}), capacities={1: MAX})
        assert devices.block_reaches(1, 0, (1 << 63) - 1)
        assert not devices.block_reaches(1, 0, 1 << 63)

    @pytest.mark.parametrize("length", [0, 7, 1024])
    def test_any_block_length_is_passed_on(self, memory, length):
        crossing = hypercall(memory, Hypercall.BLOCK_READ, block(BLOCK, 100, BUFFER, length))
        assert crossing.call == BlockRead(BLOCK, 100, length)

    @pytest.mark.parametrize("number", [4, 5, 6, 7])
    def test_handles_have_32_bits(self, memory, number):
        handle = (5 << 32) | (BLOCK if number < 6 else NET)
        structure = block(handle, 0, BUFFER, 8) if number < 6 else net(handle, BUFFER, 8)
        assert hypercall(memory, number, structure).call.handle == handle & 0xFFFFFFFF


class TestBounds:
    @pytest.mark.parametrize(
        ("number", "size"),
        [(1, 8), (2, 16), (3, 24), (4, 40), (5, 40), (6, 32), (7, 32), (8, 16)],
    )
    def test_structures(self, memory, number, size):
        for gpa in (MEM_SIZE - size, MEM_SIZE, 0xFFFFFFFF):
            crossing = decode(PortWrite(0x500 + number, gpa, 4), memory, DEVICES)
            assert crossing == Crossing(pointer_detail(gpa, size))
        last = decode(PortWrite(0x500 + number, MEM_SIZE - size - 1, 4), memory, DEVICES)
        assert not isinstance(last.call, Misuse)

    @pytest.mark.parametrize(
        ("gpa", "length"),
        [(MEM_SIZE - 4, 4), (MEM_SIZE, 0), (MAX, 1), (MAX, 0), (8, MAX), (MAX, MAX)],
    )
    def test_console_buffers(self, memory, gpa, length):
        crossing = hypercall(memory, Hypercall.PUTS, struct.pack("<QQ", gpa, length))
        assert crossing == Crossing(pointer_detail(gpa, length))

    def test_console_buffer_just_below_the_end(self, memory):
        crossing = hypercall(memory, Hypercall.PUTS, struct.pack("<QQ", MEM_SIZE - 4, 3))
        assert crossing == Crossing(ConsoleWrite(bytes(3)))

    @pytest.mark.parametrize("number", [4, 5])
    def test_block_buffers(self, memory, number):
        crossing = hypercall(memory, number, block(BLOCK, 0, MEM_SIZE - 512, 512))
        assert crossing == Crossing(pointer_detail(MEM_SIZE - 512, 512))

    @pytest.mark.parametrize("number", [6, 7])
    def test_net_buffers(self, memory, number):
        crossing = hypercall(memory, number, net(NET, MEM_SIZE - 60, 60))
        assert crossing == Crossing(pointer_detail(MEM_SIZE - 60, 60))

    def test_cookie(self, memory):
        gpa = MEM_SIZE - 512
        crossing = hypercall(memory, Hypercall.HALT, struct.pack("<QiI", gpa, 255, 0))
        assert crossing == Crossing(pointer_detail(gpa, 512))


REFUSED_RANGES = [
    (BLOCK, CAPACITY, 0),
    (BLOCK, CAPACITY - 1, 2),
    (BLOCK, 0, CAPACITY + 1),
    (BLOCK, MAX, 1),
    (BLOCK, 0, MAX),
    (BLOCK, 0, 1 << 63),
    (BLOCK, MAX, MAX),
    (NET, 0, 8),
    (0, 0, 8),
    (64, 0, 8),
]


class TestRefusedBeforeTheBuffer:
    """Requests that the tender answers with EINVAL, whatever their buffer."""

    @pytest.mark.parametrize(("handle", "offset", "length"), REFUSED_RANGES)
    def test_block_read(self, memory, handle, offset, length):
        crossing = hypercall(memory, 5, block(handle, offset, MAX, length))
        assert crossing == Crossing(BlockRead(handle, offset, length), AT, MAX)

    @pytest.mark.parametrize(("handle", "offset", "length"), REFUSED_RANGES)
    def test_block_write_stays_outside_the_device(self, memory, handle, offset, length):
        crossing = hypercall(memory, 4, block(handle, offset, MAX, length))
        assert crossing.answer_gpa == AT
        assert isinstance(crossing.call, BlockWrite)
        assert (crossing.call.handle, crossing.call.data) == (handle, b"")
        assert not DEVICES.block_reaches(handle, crossing.call.offset, 0)
        assert crossing.call.offset >= offset

    @pytest.mark.parametrize("handle", [0, BLOCK, 3, 0xFFFFFFFF])
    def test_net(self, memory, handle):
        written = hypercall(memory, Hypercall.NET_WRITE, net(handle, MAX, 60))
        assert written == Crossing(NetWrite(handle, b""), AT)
        read = hypercall(memory, Hypercall.NET_READ, net(handle, MAX, 60))
        assert read == Crossing(NetRead(handle, 60), AT, MAX)


class TestMisuse:
    @pytest.mark.parametrize("port", [0, 0x60, 0x4FF, 0x509, 0x600, 0xFFFF])
    def test_other_ports(self, memory, port):
        crossing = decode(PortWrite(port, AT, 4), memory, DEVICES)
        detail = f"invalid port access: out, port={port:#x}, 4 bytes"
        assert crossing == Crossing(Misuse(MisuseKind.INVALID_ACCESS, detail))

    @pytest.mark.parametrize("size", [1, 2])
    def test_other_widths(self, memory, size):
        crossing = decode(PortWrite(0x501, AT, size), memory, DEVICES)
        assert misuse(crossing) is MisuseKind.INVALID_ACCESS

    def test_input(self, memory):
        crossing = decode(PortRead(0x501, 4), memory, DEVICES)
        detail = "invalid port access: in, port=0x501, 4 bytes"
        assert crossing == Crossing(Misuse(MisuseKind.INVALID_ACCESS, detail))

    def test_reserved_number(self, memory):
        crossing = decode(PortWrite(0x500, AT, 4), memory, DEVICES)
        detail = "invalid hypercall: 0"
        assert crossing == Crossing(Misuse(MisuseKind.INVALID_HYPERCALL, detail))

    @pytest.mark.parametrize("number", [4, 5, 6, 7])
    def test_calls_without_a_device(self, memory, number):
        crossing = hypercall(memory, number, bytes(40), devices=NO_DEVICES)
        detail = f"invalid hypercall: {number}"
        assert crossing == Crossing(Misuse(MisuseKind.INVALID_HYPERCALL, detail))

    @pytest.mark.parametrize("number", [1, 2, 3, 8])
    def test_calls_that_need_no_device(self, memory, number):
        crossing = hypercall(memory, number, bytes(40), devices=NO_DEVICES)
        assert not isinstance(crossing.call, Misuse)

    @pytest.mark.parametrize(
        ("exit_", "kind", "texts"),
        [
            (
                TranslationFault(0x100123, 0x100000),
                MisuseKind.TRANSLATION_FAULT,
                ("host/guest translation fault", "0x100123", "0x100000"),
            ),
            (Hlt(0x100123), MisuseKind.UNHANDLED_EXIT, ("unhandled exit", "hlt", "0x100123")),
            (
                TripleFault(0x100123, 14),
                MisuseKind.UNHANDLED_EXIT,
                ("unhandled exit", "triple fault", "14", "0x100123"),
            ),
            (
                UnbackedAccess(0x100123, 0xFEE00000),
                MisuseKind.UNHANDLED_EXIT,
                ("unhandled exit", "0xfee00000", "0x100123"),
            ),
        ],
    )
    def test_other_exits(self, memory, exit_, kind, texts):
        crossing = decode(exit_, memory, DEVICES)
        assert misuse(crossing) is kind
        assert all(text in crossing.call.detail for text in texts)


def test_traps_are_calls(memory):
    trap = Trap(TrapKind.RDTSC)
    crossing = decode(trap, memory, DEVICES)
    assert crossing == Crossing(READ_TSC, trap=trap)
    assert encode(crossing, TscReading(5), memory) == {"rax": 5, "rdx": 0}


@pytest.mark.parametrize("exit_", [Interrupted(), TargetReached()])
def test_stops_are_no_crossings(memory, exit_):
    with pytest.raises(AssertionError):
        decode(exit_, memory, DEVICES)


class TestEncode:
    @pytest.fixture(autouse=True)
    def pattern(self, memory):
        memory.write(0, b"\xaa" * (MEM_SIZE - 1))

    def changed(self, memory) -> dict[int, bytes]:
        """The runs of bytes that are no longer the pattern, by address."""
        runs: dict[int, bytes] = {}
        data = memory.read(0, MEM_SIZE - 1)
        at = 0
        while at < len(data):
            end = at
            while end < len(data) and data[end] != 0xAA:
                end += 1
            if end > at:
                runs[at] = data[at:end]
            at = end + 1
        return runs

    @pytest.mark.parametrize(
        ("crossing", "result", "written"),
        [
            (
                Crossing(WallClock(), AT),
                ClockReading(0x1122334455667788),
                {AT: bytes.fromhex("8877665544332211")},
            ),
            (
                Crossing(Poll(5), AT),
                PollResult((1 << 63) | 6),
                {AT + 8: struct.pack("<Qi", (1 << 63) | 6, 3)},
            ),
            (Crossing(Poll(5), AT), PollResult(0), {AT + 8: bytes(12)}),
            (Crossing(BlockWrite(1, 0, b"x"), AT), IoStatus(2), {AT + 32: b"\2\0\0\0"}),
            (Crossing(NetWrite(1, b"x"), AT), IoStatus(0), {AT + 24: bytes(4)}),
            (
                Crossing(BlockRead(1, 0, 3), AT, BUFFER),
                BlockData(0, b"abc"),
                {AT + 32: bytes(4), BUFFER: b"abc"},
            ),
            (
                Crossing(BlockRead(1, 0, 3), AT, BUFFER),
                BlockData(2, b""),
                {AT + 32: b"\2\0\0\0"},
            ),
            (Crossing(BlockRead(1, 0, 0), AT, BUFFER), BlockData(0, b""), {AT + 32: bytes(4)}),
            (
                Crossing(NetRead(1, 9), AT, BUFFER),
                NetFrame(0, b"frame"),
                {AT + 16: struct.pack("<Qi", 5, 0), BUFFER: b"frame"},
            ),
            (Crossing(NetRead(1, 9), AT, BUFFER), NetFrame(1, b""), {AT + 24: b"\1\0\0\0"}),
            (Crossing(NetRead(1, 9), AT, MAX), NetFrame(2, b""), {AT + 24: b"\2\0\0\0"}),
            (Crossing(ConsoleWrite(b"x")), DONE, {}),
            (Crossing(Halt(0)), DONE, {}),
            (Crossing(Misuse(MisuseKind.INVALID_ACCESS, "")), DONE, {}),
        ],
    )
    def test_what_is_written(self, memory, crossing, result, written):
        assert encode(crossing, result, memory) == {}
        assert self.changed(memory) == written

    @pytest.mark.parametrize(
        ("crossing", "result"),
        [
            (Crossing(WallClock(), AT), DONE),
            (Crossing(WallClock(), AT), ClockReading(1 << 64)),
            (Crossing(WallClock(), AT), ClockReading(-1)),
            (Crossing(Poll(1), AT), PollResult(1 << 64)),
            (Crossing(BlockRead(1, 0, 3), AT, BUFFER), IoStatus(0)),
            (Crossing(BlockRead(1, 0, 3), AT, BUFFER), BlockData(0, b"ab")),
            (Crossing(BlockRead(1, 0, 3), AT, BUFFER), BlockData(0, b"abcd")),
            (Crossing(NetRead(1, 3), AT, BUFFER), NetFrame(0, b"abcd")),
            (Crossing(NetWrite(1, b""), AT), IoStatus(1 << 31)),
            (Crossing(ConsoleWrite(b"")), IoStatus(0)),
            (Crossing(READ_TSC, trap=Trap(TrapKind.RDTSC)), DONE),
        ],
    )
    def test_answers_that_do_not_fit(self, memory, crossing, result):
        with pytest.raises(BadAnswer) as caught:
            encode(crossing, result, memory)
        assert caught.value.result == result
        assert self.changed(memory) == {}

    def test_buffer_over_its_own_structure(self, memory):
        """The tender writes the frame first, then length and status."""
        crossing = Crossing(NetRead(1, 32), AT, AT)
        encode(crossing, NetFrame(0, b"f" * 32), memory)
        assert memory.read(AT, 32) == b"f" * 16 + struct.pack("<Qi", 32, 0) + b"f" * 4


def u32_or_u64(top: int):
    near = st.integers(-40, 40).map(lambda delta: (MEM_SIZE + delta) & MAX)
    return st.one_of(st.integers(0, top), near, st.integers(0, CAPACITY * 2), st.just(top))


EXITS = st.one_of(
    st.builds(
        PortWrite, st.integers(0x4F8, 0x510), u32_or_u64(0xFFFFFFFF), st.sampled_from([4, 4, 2])
    ),
    st.builds(PortRead, st.integers(0, 0xFFFF), st.sampled_from([1, 2, 4])),
    st.builds(Trap, st.sampled_from(TrapKind)),
    st.builds(Hlt, u32_or_u64(MAX)),
    st.builds(TranslationFault, u32_or_u64(MAX), u32_or_u64(MAX)),
    st.builds(TripleFault, u32_or_u64(MAX), st.integers(0, 31)),
    st.builds(UnbackedAccess, u32_or_u64(MAX), u32_or_u64(MAX)),
)


class Sparse:
    """Memory that repeats a few words; it refuses to be read outside."""

    def __init__(self, words: list[int]) -> None:
        self.data = struct.pack(f"<{len(words)}Q", *words)

    def read(self, gpa: int, size: int) -> bytes:
        assert gpa >= 0
        assert gpa + size < MEM_SIZE
        start = gpa % len(self.data)
        return (self.data * (size // len(self.data) + 2))[start : start + size]

    def write(self, gpa: int, data: bytes) -> None:
        raise AssertionError("decoding writes nothing")


@settings(max_examples=200, deadline=None)
@given(exit_=EXITS, words=st.lists(u32_or_u64(MAX), min_size=5, max_size=5))
def test_decoding_is_total(exit_, words):
    memory = BoundedMemory(Sparse(words), MEM_SIZE, spare=1)
    crossing = decode(exit_, memory, DEVICES)
    assert type(crossing.call) in RESULT_OF
    assert crossing == decode(exit_, memory, DEVICES)
