from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.calls import RESULT_OF
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import ReadySet, SetTimer, WaitReady
from monitors.calls.traps import READ_TSC, TscReading
from monitors.errors import BadAnswer
from monitors.manifest import AttachedBlock, AttachedNet
from monitors.ports import (
    Answered,
    Crossing,
    Interrupted,
    Protection,
    SystemCall,
    TargetReached,
    Trap,
    TrapKind,
    UserFault,
)
from monitors.spt.abi import EPOLL_FD, TIMER_FD, device_fd
from monitors.spt.codec import decode, encode
from monitors.spt.filter import Filter
from monitors.spt.linux import Number
from monitors.spt.memory import UserMemory

MEM_SIZE = 0x40000
BASE, READ_ONLY, BUFFER = 0x10000, 0x20000, 0x30000
SPACE = (
    Protection(0, BASE, writable=False, readable=False, executable=False),
    Protection(BASE, READ_ONLY, writable=True, executable=False),
    Protection(READ_ONLY, BUFFER, writable=False),
    Protection(BUFFER, MEM_SIZE, writable=True, executable=False),
)
DISK, NET, NET2 = 1, 2, 5
DISK_FD, NET_FD, NET2_FD = device_fd(DISK), device_fd(NET), device_fd(NET2)
CAPACITY = 4096
RIP = 0x20102
MAX = (1 << 64) - 1
EPERM, EIO, EAGAIN, EFAULT, EINVAL = 1, 5, 11, 14, 22

FILTER = Filter.of(
    [
        AttachedBlock(DISK, "disk", CAPACITY, 512),
        AttachedNet(NET, "net0", bytes(6), 1500),
        AttachedNet(NET2, "net1", bytes(6), 1500),
    ]
)


@pytest.fixture
def memory(flat_memory):
    return UserMemory(flat_memory(MEM_SIZE), SPACE)


def system_call(number: int, *arguments: int, **more) -> SystemCall:
    a, b, c, d, e, f = (*arguments, *[0] * (6 - len(arguments)))
    return SystemCall(number, (a, b, c, d, e, f), RIP, **more)


def decoded(memory, number: int, *arguments: int, **more) -> Crossing | Answered:
    return decode(system_call(number, *arguments, **more), memory, FILTER)


def returned(value: int) -> dict[str, int]:
    return {"rax": value & MAX, "rcx": RIP, "r11": 0x202}


def failed(errno: int) -> Answered:
    return Answered(returned(-errno))


def timer(memory, *words: int, gpa: int = BUFFER) -> int:
    """An itimerspec of interval and value, each seconds and nanoseconds."""
    memory.write(gpa, struct.pack("<4q", *words))
    return gpa


class TestDecode:
    def test_console(self, memory):
        memory.write(BUFFER, b"hello\0\xff")
        crossing = decoded(memory, Number.WRITE, 1, BUFFER, 7)
        call = system_call(Number.WRITE, 1, BUFFER, 7)
        assert crossing == Crossing(ConsoleWrite(b"hello\0\xff"), system_call=call)

    @pytest.mark.parametrize(("clock", "call"), [(0, WallClock()), (1, MonotonicClock())])
    def test_clocks(self, memory, clock, call):
        crossing = decoded(memory, Number.CLOCK_GETTIME, clock, BUFFER)
        assert (crossing.call, crossing.answer_gpa) == (call, BUFFER)

    @pytest.mark.parametrize(
        ("argument", "status"),
        [(0, 0), (255, 255), (0xFFFFFFFF, -1), (MAX, -1), (0x80000000, -(1 << 31)), (5 << 32, 0)],
    )
    def test_exit(self, memory, argument, status):
        assert decoded(memory, Number.EXIT_GROUP, argument).call == Halt(status)

    @pytest.mark.parametrize(("fd", "handle"), [(NET_FD, NET), (NET2_FD, NET2)])
    def test_net(self, memory, fd, handle):
        memory.write(BUFFER, b"frame")
        assert decoded(memory, Number.WRITE, fd, BUFFER, 5).call == NetWrite(handle, b"frame")
        crossing = decoded(memory, Number.READ, fd, BUFFER, 1514)
        assert (crossing.call, crossing.buffer_gpa) == (NetRead(handle, 1514), BUFFER)

    def test_a_read_of_nothing_takes_no_frame(self, memory):
        assert decoded(memory, Number.READ, NET_FD, BUFFER, 0) == Answered(returned(0))

    @pytest.mark.parametrize("offset", [0, 100, CAPACITY - 512])
    def test_block(self, memory, offset):
        memory.write(BUFFER, b"w" * 512)
        write = decoded(memory, Number.PWRITE64, DISK_FD, BUFFER, 512, offset)
        assert write.call == BlockWrite(DISK, offset, b"w" * 512)
        read = decoded(memory, Number.PREAD64, DISK_FD, BUFFER, 512, offset)
        assert (read.call, read.buffer_gpa) == (BlockRead(DISK, offset, 512), BUFFER)

    @pytest.mark.parametrize(
        ("seconds", "nanoseconds", "at_ns"),
        [
            (0, 0, 0),
            (0, 1, 1),
            (5, 999_999_999, 5_999_999_999),
            (9_223_372_036, 854_775_807, (1 << 63) - 1),
            (9_223_372_036, 854_775_808, (1 << 63) - 1),
            (18_446_744_073, 1, (1 << 63) - 1),
            ((1 << 63) - 1, 999_999_999, (1 << 63) - 1),
        ],
    )
    def test_timer(self, memory, seconds, nanoseconds, at_ns):
        value = timer(memory, 0, 0, seconds, nanoseconds)
        crossing = decoded(memory, Number.TIMERFD_SETTIME, TIMER_FD, 1, value)
        assert crossing.call == SetTimer(at_ns)

    @pytest.mark.parametrize(
        ("timeout", "timeout_ms"),
        [(0, 0), (5, 5), (MAX, -1), (0xFFFFFFFF, -1), (0x7FFFFFFF, 0x7FFFFFFF), (7 << 32, 0)],
    )
    def test_wait(self, memory, timeout, timeout_ms):
        crossing = decoded(memory, Number.EPOLL_PWAIT, EPOLL_FD, BUFFER, 3, timeout, 0, 8)
        assert (crossing.call, crossing.buffer_gpa) == (WaitReady(timeout_ms), BUFFER)

    def test_numbers_have_32_bits(self, memory):
        assert decoded(memory, Number.WRITE | 7 << 32, 1, BUFFER, 0).call == ConsoleWrite(b"")
        read = decoded(memory, Number.PREAD64 | 7 << 32, DISK_FD, BUFFER, 512, 0)
        assert read.call == BlockRead(DISK, 0, 512)


class TestAnswered:
    """What depends on nothing but the guest is no event."""

    @pytest.mark.parametrize("base", [0, 0x12345, (1 << 47) - 4097])
    def test_thread_pointer(self, memory, base):
        answered = decoded(memory, Number.ARCH_PRCTL, 0x1002, base)
        assert answered == Answered({**returned(0), "fs_base": base})

    @pytest.mark.parametrize("base", [(1 << 47) - 4096, 1 << 47, 1 << 63, MAX])
    def test_thread_pointer_outside(self, memory, base):
        assert decoded(memory, Number.ARCH_PRCTL, 0x1002, base) == failed(EPERM)

    @pytest.mark.parametrize(
        "words",
        [
            (1, 0, 5, 0),
            (0, 1, 5, 0),
            (0, 0, -1, 0),
            (0, 0, 0, -1),
            (0, 0, 0, 1_000_000_000),
        ],
    )
    def test_timers_that_are_refused(self, memory, words):
        value = timer(memory, *words)
        assert decoded(memory, Number.TIMERFD_SETTIME, TIMER_FD, 1, value) == failed(EINVAL)

    @pytest.mark.parametrize(("flags", "old"), [(0, 0), (2, 0), (3, 0), (1, BUFFER + 64)])
    def test_timers_that_only_the_tender_would_set(self, memory, flags, old):
        value = timer(memory, 0, 0, 5, 0)
        answered = decoded(memory, Number.TIMERFD_SETTIME, TIMER_FD, flags, value, old)
        assert answered == failed(EINVAL)

    @pytest.mark.parametrize("count", [0, MAX, 0x80000000, 178_956_971, 5 << 32])
    def test_waits_for_no_event_or_too_many(self, memory, count):
        answered = decoded(memory, Number.EPOLL_PWAIT, EPOLL_FD, BUFFER, count, 0)
        assert answered == failed(EINVAL)

    def test_waits_that_change_the_signal_mask(self, memory):
        answered = decoded(memory, Number.EPOLL_PWAIT, EPOLL_FD, BUFFER, 1, 0, BUFFER, 8)
        assert answered == failed(EINVAL)


BAD = [0, 8, 0xFFFF, MEM_SIZE, MEM_SIZE - 3, 0x400000000, MAX - 3, MAX]


class TestPointers:
    @pytest.mark.parametrize("gpa", BAD)
    @pytest.mark.parametrize(
        "call",
        [
            lambda gpa: (Number.WRITE, 1, gpa, 4),
            lambda gpa: (Number.WRITE, NET_FD, gpa, 4),
            lambda gpa: (Number.READ, NET_FD, gpa, 4),
            lambda gpa: (Number.CLOCK_GETTIME, 1, gpa),
            lambda gpa: (Number.PREAD64, DISK_FD, gpa, 512, 0),
            lambda gpa: (Number.PWRITE64, DISK_FD, gpa, 512, 0),
            lambda gpa: (Number.TIMERFD_SETTIME, TIMER_FD, 1, gpa),
            lambda gpa: (Number.EPOLL_PWAIT, EPOLL_FD, gpa, 1),
        ],
    )
    def test_outside(self, memory, call, gpa):
        assert decoded(memory, *call(gpa)) == failed(EFAULT)

    @pytest.mark.parametrize(
        "call",
        [
            (Number.READ, NET_FD, READ_ONLY, 4),
            (Number.READ, NET_FD, READ_ONLY - 1, 2),
            (Number.CLOCK_GETTIME, 1, READ_ONLY + 8),
            (Number.PREAD64, DISK_FD, READ_ONLY, 512, 0),
            (Number.EPOLL_PWAIT, EPOLL_FD, READ_ONLY, 1),
        ],
    )
    def test_not_writable(self, memory, call):
        assert decoded(memory, *call) == failed(EFAULT)

    def test_what_is_only_read_may_be_read_only(self, memory):
        assert decoded(memory, Number.WRITE, 1, READ_ONLY, 4).call == ConsoleWrite(bytes(4))
        write = decoded(memory, Number.PWRITE64, DISK_FD, READ_ONLY, 512, 0)
        assert write.call == BlockWrite(DISK, 0, bytes(512))
        timer_call = decoded(memory, Number.TIMERFD_SETTIME, TIMER_FD, 1, READ_ONLY)
        assert timer_call.call == SetTimer(0)

    def test_only_as_many_events_as_there_can_be_need_room(self, memory):
        """Two devices and the timer: 36 bytes, whatever the count."""
        last = MEM_SIZE - 36
        crossing = decoded(memory, Number.EPOLL_PWAIT, EPOLL_FD, last, 1000)
        assert crossing.call == WaitReady(0)
        assert decoded(memory, Number.EPOLL_PWAIT, EPOLL_FD, last + 1, 1000) == failed(EFAULT)

    def test_a_size_beyond_all_memory(self, memory):
        assert decoded(memory, Number.WRITE, 1, BUFFER, MAX) == failed(EFAULT)
        assert decoded(memory, Number.READ, NET_FD, BUFFER, MAX) == failed(EFAULT)

    def test_no_more_than_the_kernel_transfers_at_once(self):
        most = 0x7FFFF000
        space = (Protection(0, 1 << 32, writable=True),)
        memory = UserMemory(Zeros(), space)
        read = decode(system_call(Number.READ, NET_FD, 0, most + 1), memory, FILTER)
        assert read.call == NetRead(NET, most)


class Zeros:
    def read(self, gpa: int, size: int) -> bytes:
        raise AssertionError("nothing is read")

    def write(self, gpa: int, data: bytes) -> None:
        raise AssertionError("nothing is written")


class TestForbidden:
    def test_it_says_which_call_and_where(self, memory):
        crossing = decoded(memory, 32, 1, 2, 3, 4, 5, 6)
        detail = (
            "system call 32 (dup) with arguments 0x1, 0x2, 0x3, 0x4, 0x5, 0x6 is not allowed: "
            "rip=0x20100"
        )
        assert crossing == Crossing(Misuse(MisuseKind.FORBIDDEN_CALL, detail))
        assert crossing.call.kind.process_status == 159

    def test_a_number_without_a_name(self, memory):
        assert decoded(memory, 0x40000001).call.detail.startswith("system call 1073741825 with")

    def test_another_way_to_call(self, memory):
        crossing = decoded(memory, 4, 1, BUFFER, 1, legacy=True)
        assert crossing.call.kind is MisuseKind.FORBIDDEN_CALL
        assert crossing.call.detail.startswith("32-bit system call 4 with arguments 0x1, 0x30000,")

    def test_the_filter_is_asked_before_a_pointer_is_looked_at(self, memory):
        crossing = decoded(memory, Number.WRITE, 2, MAX, MAX)
        assert isinstance(crossing.call, Misuse)


def test_traps_are_calls(memory):
    trap = Trap(TrapKind.RDTSC)
    crossing = decode(trap, memory, FILTER)
    assert crossing == Crossing(READ_TSC, trap=trap)
    assert encode(crossing, TscReading(5), memory, FILTER) == {"rax": 5, "rdx": 0}


def test_faults_are_misuse(memory):
    crossing = decode(UserFault(0x20000, 6), memory, FILTER)
    assert crossing.call.kind is MisuseKind.ILLEGAL_INSTRUCTION
    assert encode(crossing, DONE, memory, FILTER) == {}


@pytest.mark.parametrize("exit_", [Interrupted(), TargetReached()])
def test_stops_are_no_crossings(memory, exit_):
    with pytest.raises(AssertionError):
        decode(exit_, memory, FILTER)


WAIT = (Number.EPOLL_PWAIT, EPOLL_FD, BUFFER, 3)


def event(data: int) -> bytes:
    return struct.pack("<IQ", 1, data)


class TestEncode:
    @pytest.fixture(autouse=True)
    def pattern(self, memory):
        memory.write(BUFFER, b"\xaa" * 600)

    def changed(self, memory) -> bytes:
        """What is in the buffer up to the pattern."""
        return memory.read(BUFFER, 600).rstrip(b"\xaa")

    def encoded(self, memory, call: tuple[int, ...], result) -> dict[str, int]:
        crossing = decoded(memory, *call)
        assert isinstance(crossing, Crossing)
        return dict(encode(crossing, result, memory, FILTER))

    @pytest.mark.parametrize(
        ("call", "result", "rax", "written"),
        [
            (
                (Number.CLOCK_GETTIME, 1, BUFFER),
                ClockReading(5_000_000_007),
                0,
                struct.pack("<qq", 5, 7),
            ),
            (
                (Number.CLOCK_GETTIME, 0, BUFFER),
                ClockReading(MAX),
                0,
                struct.pack("<qq", 18_446_744_073, 709_551_615),
            ),
            ((Number.WRITE, 1, BUFFER, 5), DONE, 5, b""),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(0), 60, b""),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(1), -EAGAIN, b""),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(2), -EINVAL, b""),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(3), -EIO, b""),
            ((Number.READ, NET_FD, BUFFER, 9), NetFrame(0, b"frame"), 5, b"frame"),
            ((Number.READ, NET_FD, BUFFER, 9), NetFrame(0, b""), 0, b""),
            ((Number.READ, NET_FD, BUFFER, 9), NetFrame(1, b""), -EAGAIN, b""),
            ((Number.READ, NET_FD, BUFFER, 9), NetFrame(3, b""), -EIO, b""),
            (
                (Number.PREAD64, DISK_FD, BUFFER, 512, 0),
                BlockData(0, b"d" * 512),
                512,
                b"d" * 512,
            ),
            ((Number.PREAD64, DISK_FD, BUFFER, 512, 0), BlockData(2, b""), -EINVAL, b""),
            ((Number.PREAD64, DISK_FD, BUFFER, 512, 0), BlockData(3, b""), -EIO, b""),
            ((Number.PWRITE64, DISK_FD, BUFFER, 512, 0), IoStatus(0), 512, b""),
            ((Number.PWRITE64, DISK_FD, BUFFER, 512, 0), IoStatus(3), -EIO, b""),
            ((Number.TIMERFD_SETTIME, TIMER_FD, 1, READ_ONLY), DONE, 0, b""),
            (WAIT, ReadySet(0, timer_fired=False), 0, b""),
            (WAIT, ReadySet(0, timer_fired=True), 1, event(0xFFFFFFFE)),
            (WAIT, ReadySet(1 << NET, timer_fired=False), 1, event(NET)),
            (
                WAIT,
                ReadySet(1 << NET2 | 1 << NET, timer_fired=True),
                3,
                event(NET) + event(NET2) + event(0xFFFFFFFE),
            ),
            (
                (*WAIT[:3], 2),
                ReadySet(1 << NET2 | 1 << NET, timer_fired=True),
                2,
                event(NET) + event(NET2),
            ),
            ((*WAIT[:3], 100), ReadySet(1 << NET2, timer_fired=False), 1, event(NET2)),
        ],
    )
    def test_what_is_returned_and_written(self, memory, call, result, rax, written):
        assert self.encoded(memory, call, result) == returned(rax)
        assert self.changed(memory) == written

    @pytest.mark.parametrize("call", [(Number.EXIT_GROUP, 0), (32,)])
    def test_nothing_returns_from_the_end(self, memory, call):
        assert self.encoded(memory, call, DONE) == {}

    def test_flags_that_a_processor_leaves_undefined_do_not_show(self, memory):
        crossing = decoded(memory, Number.WRITE, 1, BUFFER, 1, rflags=0x40ED7)
        assert encode(crossing, DONE, memory, FILTER)["r11"] == 0x40602
        answered = decoded(memory, Number.ARCH_PRCTL, 0x1002, 0, rflags=0xAD7)
        assert answered.registers["r11"] == 0x202

    @pytest.mark.parametrize(
        ("call", "result"),
        [
            ((Number.CLOCK_GETTIME, 1, BUFFER), DONE),
            ((Number.CLOCK_GETTIME, 1, BUFFER), ClockReading(MAX + 1)),
            ((Number.CLOCK_GETTIME, 1, BUFFER), ClockReading(-1)),
            ((Number.WRITE, 1, BUFFER, 5), IoStatus(0)),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(4)),
            ((Number.WRITE, NET_FD, BUFFER, 60), IoStatus(-1)),
            ((Number.READ, NET_FD, BUFFER, 4), NetFrame(0, b"frame")),
            ((Number.READ, NET_FD, BUFFER, 4), NetFrame(7, b"")),
            ((Number.PREAD64, DISK_FD, BUFFER, 512, 0), BlockData(0, b"short")),
            ((Number.PREAD64, DISK_FD, BUFFER, 512, 0), BlockData(0, b"l" * 513)),
            ((Number.PREAD64, DISK_FD, BUFFER, 512, 0), IoStatus(0)),
            (WAIT, ReadySet(1 << DISK, timer_fired=False)),
            (WAIT, ReadySet(1 << 63, timer_fired=False)),
            (WAIT, ReadySet(-1, timer_fired=False)),
        ],
    )
    def test_answers_that_do_not_fit(self, memory, call, result):
        with pytest.raises(BadAnswer) as caught:
            self.encoded(memory, call, result)
        assert caught.value.result == result
        assert self.changed(memory) == b""

    def test_a_trap_wants_its_own_result(self, memory):
        with pytest.raises(BadAnswer):
            encode(Crossing(READ_TSC, trap=Trap(TrapKind.RDTSC)), DONE, memory, FILTER)


ARGUMENTS = st.one_of(
    st.integers(0, MAX),
    st.integers(0, 130),
    st.sampled_from([0x1002, 512, EPOLL_FD, TIMER_FD, DISK_FD, NET_FD, BUFFER, READ_ONLY, MAX]),
    st.integers(MEM_SIZE - 40, MEM_SIZE + 8),
)
EXITS = st.one_of(
    st.builds(
        SystemCall,
        st.one_of(st.sampled_from(Number), st.integers(0, MAX)),
        st.tuples(*[ARGUMENTS] * 6),
        st.just(RIP),
        rflags=st.integers(0, MAX),
        legacy=st.sampled_from([False, False, False, True]),
    ),
    st.builds(Trap, st.sampled_from(TrapKind)),
    st.builds(UserFault, ARGUMENTS, st.integers(0, 255), ARGUMENTS, ARGUMENTS),
)


class Sparse:
    """Memory that repeats a few words; it refuses to be written."""

    def __init__(self, words: list[int]) -> None:
        self.data = struct.pack(f"<{len(words)}Q", *words)

    def read(self, gpa: int, size: int) -> bytes:
        assert BASE <= gpa <= gpa + size <= MEM_SIZE
        start = gpa % len(self.data)
        return (self.data * (size // len(self.data) + 2))[start : start + size]

    def write(self, gpa: int, data: bytes) -> None:
        raise AssertionError("decoding writes nothing")


@settings(max_examples=300, deadline=None)
@given(exit_=EXITS, words=st.lists(ARGUMENTS, min_size=4, max_size=4))
def test_decoding_is_total(exit_, words):
    memory = UserMemory(Sparse(words), SPACE)
    crossing = decode(exit_, memory, FILTER)
    assert crossing == decode(exit_, memory, FILTER)
    if isinstance(crossing, Answered):
        assert crossing.registers.keys() <= {"rax", "rcx", "r11", "fs_base"}
        assert all(0 <= value <= MAX for value in crossing.registers.values())
    else:
        assert type(crossing.call) in RESULT_OF
