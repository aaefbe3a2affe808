from __future__ import annotations

import pytest

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, WaitReady
from monitors.calls.traps import (
    READ_TSC,
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    TscReading,
)
from replay.player.answers import Answer, Field, observe_answer
from replay.player.stops import Direction, Wanted
from tests.unit.replay.player.traced import FRAMES, Traced, at_end

FRAME = bytes(range(60))


def answer(call: Call, result: Result, *written: tuple[int, bytes]) -> Answer:
    return Answer(7, call, result, written)


def test_bytes_of_a_frame_and_of_what_tells_its_size() -> None:
    told = answer(NetRead(1, 1514), NetFrame(0, FRAME), (0x1000, FRAME), (0x50, bytes(12)))
    assert told.field_at(0x1000 + 12) == Field("", 12, 60, FRAME[12:])
    assert told.field_at(0x1000 + 60) is None
    assert told.field_at(0x51) == Field("size", 1, 8, bytes(7))
    assert told.field_at(0x59) == Field("status", 1, 4, bytes(3))


@pytest.mark.parametrize(
    ("call", "result", "size", "offset", "name", "inside"),
    [
        (NetRead(1, 9), NetFrame(1, b""), 4, 1, "status", 1),
        (BlockRead(1, 0, 8), BlockData(0, bytes(8)), 8, 3, "", 3),
        (BlockRead(1, 0, 8), BlockData(2, b""), 4, 3, "status", 3),
        (NetWrite(1, b"x"), IoStatus(0), 4, 0, "status", 0),
        (WALL_CLOCK, ClockReading(5), 8, 2, "ns", 2),
        (WALL_CLOCK, ClockReading(5), 16, 2, "seconds", 2),
        (WALL_CLOCK, ClockReading(5), 16, 9, "nanoseconds", 1),
        (Poll(5), PollResult(1), 12, 0, "ready set", 0),
        (Poll(5), PollResult(1), 12, 8, "count", 0),
        (WaitReady(5), ReadySet(1, False), 12, 4, "events", 4),
    ],
)
def test_other_results(
    call: Call, result: Result, size: int, offset: int, name: str, inside: int
) -> None:
    found = answer(call, result, (0x1000, bytes(size))).field_at(0x1000 + offset)
    assert found is not None
    assert (found.name, found.offset) == (name, inside)
    assert len(found.data) == found.total - found.offset


@pytest.mark.parametrize(
    ("call", "result", "register", "name"),
    [
        (READ_TSC, TscReading(5), "rax", "cycles, low half"),
        (READ_TSC, TscReading(5), "rdx", "cycles, high half"),
        (READ_TSC, TscReading(5), "rcx", "aux"),
        (RandomWord(seed=False, bits=64), RandomReading(5), "r9", "value"),
        (Cpuid(1, 0), CpuidReading(1, 2, 3, 4), "rbx", "ebx"),
        (NetRead(1, 9), NetFrame(0, b""), "rax", "result"),
        (NetRead(1, 9), NetFrame(0, b""), "r11", "flags"),
    ],
)
def test_registers(call: Call, result: Result, register: str, name: str) -> None:
    assert answer(call, result).field_in(register).name == name


def test_a_call_is_observed(traced: Traced) -> None:
    with at_end(traced) as (timeline, _):
        timeline.run(
            Direction.BACKWARD, Wanted(event=lambda _i, call, _r: isinstance(call, NetRead))
        )
        timeline.step(-1)
        event = timeline.position.event
        seen = timeline.answer_ahead()
        assert seen is not None
        assert seen.index == event
        assert seen.result == NetFrame(0, FRAMES[1])
        gpa = timeline.physical(traced["frame"])
        assert seen.written[0] == (gpa, FRAMES[1])
        assert timeline.position.event == event + 1
        assert timeline.answer_ahead() is None
        assert observe_answer(timeline._replay) is None
        assert timeline.position.instructions == 2
