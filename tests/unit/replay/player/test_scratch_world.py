from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import Cpuid, RandomReading, RandomWord, ReadTsc, ReadTscp, TscReading
from replay.player.blocks import KnownBlocks
from replay.player.scratch_world import ScratchWorld
from replay.player.session import Changes, recorded_plan
from tests.unit.replay.player.travelled import Journey
from traces.reader import Trace, open_trace

DISK, NET = 1, 2
OK, AGAIN, EINVAL = 0, 1, 2
TICK_NS = 1000


@pytest.fixture
def trace(journey: Journey) -> Iterator[Trace]:
    with open_trace(journey.path) as opened:
        yield opened


@pytest.fixture
def blocks() -> Iterator[KnownBlocks]:
    known = KnownBlocks()
    known.learn(DISK, 512, b"known" * 100)
    yield known
    known.close()


def world_at(trace: Trace, event: int, blocks: KnownBlocks, printed: bytearray) -> ScratchWorld:
    plan = recorded_plan(trace, Changes())
    return ScratchWorld(trace, event, plan, blocks, printed.extend)


@pytest.fixture
def printed() -> bytearray:
    return bytearray()


@pytest.fixture
def world(trace: Trace, blocks: KnownBlocks, printed: bytearray) -> ScratchWorld:
    return world_at(trace, trace.event_count, blocks, printed)


def now(world: ScratchWorld) -> int:
    reading = world.answer(MonotonicClock())
    assert isinstance(reading, ClockReading)
    return reading.ns


def test_clocks_go_on_from_the_last_reading(
    trace: Trace, blocks: KnownBlocks, printed: bytearray
) -> None:
    walls = [
        (each.index, each.result.ns)
        for each in trace.events(0)
        if each.call.name == "WallClock" and isinstance(each.result, ClockReading)
    ]
    assert len(walls) >= 3
    for index, ns in walls:
        world = world_at(trace, index + 1, blocks, printed)
        assert world.answer(WallClock()) == ClockReading(ns + TICK_NS)
        assert world.answer(WallClock()) == ClockReading(ns + 2 * TICK_NS)
    world = world_at(trace, 0, blocks, printed)
    assert now(world) == TICK_NS


def test_cycles_go_with_time(world: ScratchWorld) -> None:
    first, second = world.answer(ReadTsc()), world.answer(ReadTscp())
    assert isinstance(first, TscReading)
    assert isinstance(second, TscReading)
    assert second.cycles - first.cycles == TICK_NS  # at 1 GHz
    world.answer(Poll(5000))
    third = world.answer(ReadTsc())
    assert isinstance(third, TscReading)
    assert third.cycles - second.cycles == 5000 + 2 * TICK_NS


def test_waiting_takes_its_time_and_nothing_arrives(world: ScratchWorld) -> None:
    begin = now(world)
    assert world.answer(Poll(70_000)) == PollResult(0)
    assert now(world) == begin + 70_000 + 2 * TICK_NS
    assert world.answer(WaitReady(3)) == ReadySet(0, False)
    assert now(world) >= begin + 3_000_000
    assert world.answer(NetRead(NET, 1514)) == NetFrame(AGAIN, b"")
    assert world.answer(NetWrite(NET, b"frame")) == IoStatus(OK)


def test_a_timer_ends_a_wait(world: ScratchWorld) -> None:
    timer = now(world) + 50_000
    assert world.answer(SetTimer(timer)) == DONE
    assert world.answer(WaitReady(0)) == ReadySet(0, False)
    assert world.answer(WaitReady(-1)) == ReadySet(0, True)
    assert timer <= now(world) < timer + 10 * TICK_NS
    assert world.answer(WaitReady(-1)) == ReadySet(0, True)
    assert world.answer(SetTimer(0)) == DONE
    assert world.answer(WaitReady(-1)) == ReadySet(0, False)  # for ever is no time here


def test_disks_hold_what_was_shown_and_what_is_written_here(
    world: ScratchWorld, blocks: KnownBlocks
) -> None:
    def read(offset: int, length: int) -> bytes:
        data = world.answer(BlockRead(DISK, offset, length))
        assert isinstance(data, BlockData)
        assert data.status == OK
        return data.data

    assert read(512, 10) == b"knownknown"
    assert read(2048, 512) == bytes(512)
    assert world.answer(BlockWrite(DISK, 1024, b"N" * 512)) == IoStatus(OK)
    assert world.answer(BlockWrite(DISK, 512, b"n" * 1024)) == IoStatus(OK)
    assert read(1024, 512) == b"n" * 512
    assert world.answer(BlockWrite(DISK, 1024, b"m" * 512)) == IoStatus(OK)
    assert read(0, 2048) == bytes(512) + b"n" * 512 + b"m" * 512 + bytes(512)
    assert blocks.contents(DISK, 512, 5) == b"known"


@pytest.mark.parametrize(("handle", "offset"), [(DISK, 4096), (DISK, 3585), (NET, 0), (9, 0)])
def test_what_is_not_on_a_disk_is_refused(world: ScratchWorld, handle: int, offset: int) -> None:
    assert world.answer(BlockRead(handle, offset, 512)) == BlockData(EINVAL, b"")
    assert world.answer(BlockWrite(handle, offset, bytes(512))) == IoStatus(EINVAL)


def test_randomness_is_the_same_every_time(
    trace: Trace, blocks: KnownBlocks, printed: bytearray
) -> None:
    call = RandomWord(seed=False, bits=32)
    one, other = (world_at(trace, 9, blocks, printed) for _ in range(2))
    words = [one.answer(call) for _ in range(4)]
    assert words == [other.answer(call) for _ in range(4)]
    assert len(set(words)) == 4
    assert all(isinstance(each, RandomReading) and each.value < 1 << 32 for each in words)


def test_the_rest(world: ScratchWorld, trace: Trace, printed: bytearray) -> None:
    assert world.answer(ConsoleWrite(b"seen")) == DONE
    assert printed == b"seen"
    assert world.answer(Halt(0, b"")) == DONE
    assert world.answer(Cpuid(0, 0)) == recorded_plan(trace, Changes()).cpu.cpuid(0, 0)
