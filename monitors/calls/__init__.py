"""The closed unions of calls and results: everything that can cross the door.

A call says what the guest wants; a result is what it gets. Neither knows a guest ABI, an engine
or a trace. One module a family; this root only joins them.
"""

from __future__ import annotations

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import ClockReading, MonotonicClock, WallClock
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Done, Halt, Misuse
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import (
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    ReadTsc,
    ReadTscp,
    TscReading,
)

Call = (
    WallClock
    | MonotonicClock
    | ConsoleWrite
    | Poll
    | SetTimer
    | WaitReady
    | BlockRead
    | BlockWrite
    | NetRead
    | NetWrite
    | Halt
    | Misuse
    | ReadTsc
    | ReadTscp
    | RandomWord
    | Cpuid
)
Result = (
    Done
    | ClockReading
    | PollResult
    | ReadySet
    | BlockData
    | NetFrame
    | IoStatus
    | TscReading
    | RandomReading
    | CpuidReading
)

RESULT_OF: dict[type[Call], type[Result]] = {
    WallClock: ClockReading,
    MonotonicClock: ClockReading,
    ConsoleWrite: Done,
    Poll: PollResult,
    SetTimer: Done,
    WaitReady: ReadySet,
    BlockRead: BlockData,
    BlockWrite: IoStatus,
    NetRead: NetFrame,
    NetWrite: IoStatus,
    Halt: Done,
    Misuse: Done,
    ReadTsc: TscReading,
    ReadTscp: TscReading,
    RandomWord: RandomReading,
    Cpuid: CpuidReading,
}
"""Which result answers which call; the one table that joins both unions."""

ALL_CALLS: tuple[type[Call], ...] = tuple(RESULT_OF)
