"""The scripted world: the same seed, the same answers, and for each call one of its kind."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.calls import ALL_CALLS, RESULT_OF, Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import READ_TSC, READ_TSCP, Cpuid, CpuidReading, RandomWord
from monitors.vcpu import VirtualCpu, virtual_cpu
from replay.testing.source import ScriptedSource

OK, AGAIN, EINVAL = 0, 1, 2
DISK, NET, SECOND_NET, ABSENT = 1, 2, 3, 9
DISK_BYTES = 4096

EXAMPLES: list[Call] = [
    WALL_CLOCK,
    MONOTONIC_CLOCK,
    ConsoleWrite(b"text"),
    Poll(1000),
    SetTimer(1_000_000_000),
    WaitReady(5),
    WaitReady(-1),
    BlockRead(DISK, 0, 512),
    BlockRead(ABSENT, 0, 512),
    BlockWrite(DISK, 512, b"w" * 512),
    BlockWrite(ABSENT, 0, b"w" * 512),
    NetRead(NET, 1514),
    NetRead(SECOND_NET, 1514),
    NetRead(ABSENT, 1514),
    NetWrite(NET, b"frame"),
    NetWrite(ABSENT, b"frame"),
    Halt(0),
    Misuse(MisuseKind.INVALID_POINTER, "why"),
    READ_TSC,
    READ_TSCP,
    RandomWord(False, 64),
    RandomWord(True, 16),
    Cpuid(1, 0),
    Cpuid(0xFFFFFFFF, 5),
]


def world(seed: int = 1) -> ScriptedSource:
    return ScriptedSource(
        seed,
        disks={DISK: bytearray(bytes(range(256)) * (DISK_BYTES // 256))},
        frames={NET: [b"first", b"second"], SECOND_NET: []},
    )


def answers(source: ScriptedSource, calls: list[Call]) -> list[Result]:
    return [source.answer(call) for call in calls]


def ns(source: ScriptedSource, call: Call) -> int:
    answer = source.answer(call)
    assert isinstance(answer, ClockReading)
    return answer.ns


# ---- every call


def test_there_is_an_example_of_every_call() -> None:
    assert {type(call) for call in EXAMPLES} == set(ALL_CALLS)


@pytest.mark.parametrize("call", EXAMPLES, ids=repr)
def test_every_call_gets_its_kind_of_result(call: Call) -> None:
    assert type(world().answer(call)) is RESULT_OF[type(call)]


@given(st.integers(0, 1 << 32), st.lists(st.sampled_from(EXAMPLES), max_size=30))
def test_the_same_seed_gives_the_same_world(seed: int, calls: list[Call]) -> None:
    one, other = world(seed), world(seed)
    assert answers(one, calls) == answers(other, calls)
    assert (one.console, one.sent) == (other.console, other.sent)


@pytest.mark.parametrize("call", [WALL_CLOCK, MONOTONIC_CLOCK, READ_TSC, RandomWord(False, 64)])
def test_another_seed_gives_another_world(call: Call) -> None:
    assert len({repr(world(seed).answer(call)) for seed in range(20)}) == 20


def test_without_a_seed_the_world_is_always_the_same() -> None:
    assert answers(ScriptedSource(), EXAMPLES) == answers(ScriptedSource(), EXAMPLES)


# ---- time, chance and the processor


def test_time_goes_on_with_every_look() -> None:
    source = world()
    readings = [ns(source, MONOTONIC_CLOCK) for _ in range(50)]
    steps = [later - earlier for earlier, later in pairwise(readings)]
    assert min(steps) > 0
    assert len(set(steps)) > 1


def test_the_wall_clock_runs_with_the_other_one() -> None:
    source = world()
    first = ns(source, MONOTONIC_CLOCK)
    wall = ns(source, WALL_CLOCK)
    last = ns(source, MONOTONIC_CLOCK)
    assert first < wall - 1_700_000_000_000_000_000 < last


class TestTimer:
    """A world without frames, where only time can end a wait."""

    def test_a_wait_lasts_until_the_timer_fires(self) -> None:
        source = ScriptedSource()
        deadline = ns(source, MONOTONIC_CLOCK) + 1_000_000_000
        assert source.answer(SetTimer(deadline)) is DONE
        assert source.answer(WaitReady(-1)) == ReadySet(0, timer_fired=True)
        assert deadline < ns(source, MONOTONIC_CLOCK) < deadline + 100_000

    def test_or_until_its_own_time_has_passed(self) -> None:
        source = ScriptedSource()
        start = ns(source, MONOTONIC_CLOCK)
        source.answer(SetTimer(start + 1_000_000_000))
        assert source.answer(WaitReady(3)) == ReadySet(0, timer_fired=False)
        assert start + 3_000_000 < ns(source, MONOTONIC_CLOCK) < start + 4_000_000

    def test_a_timer_in_the_past_has_fired(self) -> None:
        source = ScriptedSource()
        start = ns(source, MONOTONIC_CLOCK)
        source.answer(SetTimer(1))
        for _ in range(2):
            assert source.answer(WaitReady(-1)) == ReadySet(0, timer_fired=True)
        assert ns(source, MONOTONIC_CLOCK) < start + 100_000

    def test_a_timer_that_is_stopped_does_not_fire(self) -> None:
        source = ScriptedSource()
        source.answer(SetTimer(1))
        source.answer(SetTimer(0))
        assert source.answer(WaitReady(0)) == ReadySet(0, timer_fired=False)
        assert source.answer(WaitReady(-1)) == ReadySet(0, timer_fired=False)

    def test_a_frame_ends_a_wait_at_once(self) -> None:
        source = world()
        start = ns(source, MONOTONIC_CLOCK)
        source.answer(SetTimer(start + 1_000_000_000))
        assert source.answer(WaitReady(-1)) == ReadySet(1 << NET, timer_fired=False)
        assert ns(source, MONOTONIC_CLOCK) < start + 100_000


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_random_words_have_their_width(bits: int) -> None:
    source = world()
    values = [source.answer(RandomWord(False, bits)).value for _ in range(200)]
    assert all(0 <= value < 1 << bits for value in values)
    assert max(values) >= 1 << (bits - 1)
    assert len(set(values)) > 190


def test_the_processor_is_the_one_given() -> None:
    leaf1 = Cpuid(1, 0)
    offered = virtual_cpu("westmere+rdrand")
    assert world().answer(leaf1) == virtual_cpu("westmere").cpuid(1, 0)
    assert ScriptedSource(cpu=offered).answer(leaf1) == offered.cpuid(1, 0)
    assert ScriptedSource(cpu=VirtualCpu("none", ())).answer(leaf1) == CpuidReading(0, 0, 0, 0)


# ---- console and endings


def test_the_console_keeps_what_is_printed() -> None:
    source = world()
    assert (
        answers(source, [ConsoleWrite(b"one\n"), ConsoleWrite(b""), ConsoleWrite(b"\0\xff")])
        == [DONE] * 3
    )
    assert source.console == b"one\n\0\xff"


# ---- block devices


@pytest.mark.parametrize(
    ("offset", "length", "status"),
    [
        (0, 512, OK),
        (DISK_BYTES - 512, 512, OK),
        (0, DISK_BYTES, OK),
        (512, 0, OK),
        (DISK_BYTES - 512, 513, EINVAL),
        (DISK_BYTES, 512, EINVAL),
        (DISK_BYTES, 0, EINVAL),
        (0, DISK_BYTES + 1, EINVAL),
        (1 << 63, 512, EINVAL),
        ((1 << 64) - 512, 512, EINVAL),
    ],
)
def test_only_what_lies_on_a_disk_can_be_transferred(offset: int, length: int, status: int) -> None:
    contents = bytes(range(256)) * (DISK_BYTES // 256)
    source = world()
    data = contents[offset : offset + length] if status == OK else b""
    assert source.answer(BlockRead(DISK, offset, length)) == BlockData(status, data)
    written = BlockWrite(DISK, offset, b"\xee" * length)
    assert source.answer(written) == IoStatus(status)
    after = source.answer(BlockRead(DISK, 0, DISK_BYTES))
    expected = bytearray(contents)
    if status == OK:
        expected[offset : offset + length] = written.data
    assert after == BlockData(OK, bytes(expected))


def test_what_was_read_does_not_change_with_the_disk() -> None:
    source = world()
    before = source.answer(BlockRead(DISK, 0, 16))
    source.answer(BlockWrite(DISK, 0, b"w" * 512))
    assert before == BlockData(OK, bytes(range(16)))
    assert type(before.data) is bytes


def test_a_disk_that_is_not_there() -> None:
    source = ScriptedSource()
    assert source.answer(BlockRead(DISK, 0, 512)) == BlockData(EINVAL, b"")
    assert source.answer(BlockWrite(DISK, 0, b"x" * 512)) == IoStatus(EINVAL)


# ---- network devices and waiting


def test_frames_come_one_by_one_and_in_order() -> None:
    source = world()
    assert answers(source, [NetRead(NET, 1514)] * 3) == [
        NetFrame(OK, b"first"),
        NetFrame(OK, b"second"),
        NetFrame(AGAIN, b""),
    ]


def test_a_frame_longer_than_the_buffer_is_cut() -> None:
    assert world().answer(NetRead(NET, 3)) == NetFrame(OK, b"fir")


def test_the_ready_set_has_a_bit_for_every_device_with_frames() -> None:
    source = ScriptedSource(frames={NET: [b"a"], SECOND_NET: [b"b", b"c"], 63: []})
    seen = []
    for handle in (None, SECOND_NET, NET, SECOND_NET):
        if handle is not None:
            source.answer(NetRead(handle, 1514))
        seen.append(source.answer(Poll(0)))
    both = 1 << NET | 1 << SECOND_NET
    assert seen == [PollResult(ready) for ready in (both, both, 1 << SECOND_NET, 0)]


def test_only_a_wait_for_nothing_takes_its_time() -> None:
    hour = 3_600_000_000_000
    source = world()
    start = ns(source, MONOTONIC_CLOCK)
    assert source.answer(Poll(hour)) == PollResult(1 << NET)
    assert ns(source, MONOTONIC_CLOCK) - start < hour
    answers(source, [NetRead(NET, 1514)] * 2)
    assert source.answer(Poll(hour)) == PollResult(0)
    assert hour < ns(source, MONOTONIC_CLOCK) - start < 2 * hour


def test_frames_sent_are_kept_with_their_device() -> None:
    source = world()
    sent = [NetWrite(SECOND_NET, b"one"), NetWrite(NET, b"two")]
    assert answers(source, [*sent, NetWrite(ABSENT, b"three")]) == [
        IoStatus(OK),
        IoStatus(OK),
        IoStatus(EINVAL),
    ]
    assert source.sent == [(SECOND_NET, b"one"), (NET, b"two")]


def test_a_network_device_that_is_not_there() -> None:
    source = ScriptedSource()
    assert source.answer(NetRead(NET, 1514)) == NetFrame(EINVAL, b"")
    assert source.answer(Poll(5)) == PollResult(0)
