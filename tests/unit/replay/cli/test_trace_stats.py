from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import READ_TSC, READ_TSCP, TscReading
from monitors.manifest import AttachedBlock, AttachedNet
from replay.cli.trace_stats import GAP_LIMITS_NS, Polls, Statistics, Transfers, gather
from tests.unit.replay.cli.broken import break_last_events
from traces.codec import describe
from traces.events import KNOWN, Event, RecordedResult
from traces.header import BootInfo, GuestInfo, Header, MachineInfo
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HEADER = Header(
    created_by="a test",
    guest=GuestInfo("g", "hvt", 2, bytes(32), 1, False),
    machine=MachineInfo("hvt", "any", 1 << 20, 2_000_000_000),
    boot=BootInfo(
        devices=(AttachedBlock(1, "storage", 1 << 20, 512), AttachedNet(2, "net", bytes(6), 1500))
    ),
)
SECOND_NS = 1_000_000_000


def statistics(*crossings: tuple[Call, RecordedResult]) -> Statistics:
    found = Statistics(HEADER)
    for index, (call, result) in enumerate(crossings):
        found.take(Event(index, describe(call), result))
    return found


def readings(*ns: int) -> Iterable[tuple[Call, RecordedResult]]:
    return ((MONOTONIC_CLOCK, ClockReading(value)) for value in ns)


def test_calls_are_counted_by_name() -> None:
    found = statistics((ConsoleWrite(b"a"), DONE), *readings(1, 2), (ConsoleWrite(b"bc"), DONE))
    assert found.calls == {"ConsoleWrite": 2, "MonotonicClock": 2}
    assert found.console == Transfers(requests_out=2, bytes_out=3)


def test_bytes_by_device_and_direction() -> None:
    found = statistics(
        (BlockRead(1, 0, 512), BlockData(0, bytes(512))),
        (BlockRead(1, 0, 1024), KNOWN),
        (BlockRead(1, 1 << 30, 512), BlockData(2, b"")),
        (BlockWrite(1, 0, bytes(512)), IoStatus(0)),
        (BlockWrite(1, 3, bytes(512)), IoStatus(2)),
        (NetRead(2, 1500), NetFrame(0, bytes(60))),
        (NetRead(2, 1500), NetFrame(1, b"")),
        (NetWrite(2, bytes(70)), IoStatus(0)),
        (NetWrite(9, bytes(70)), IoStatus(2)),
    )
    assert found.devices == {
        1: Transfers(2, 512 + 1024, 1, 512, refused=2),
        2: Transfers(1, 60, 1, 70, empty=1),
    }
    assert found.elsewhere == Transfers(refused=1)


def test_polls_whose_time_passed_waited_for_all_of_it() -> None:
    found = statistics(
        (Poll(5), PollResult(0)), (Poll(7), PollResult(0)), (Poll(1 << 60), PollResult(4))
    )
    assert found.polls == Polls(3, 2, 12)
    assert found.clock is None


def test_the_clock_that_was_read_most_often_counts() -> None:
    found = statistics(*readings(1, 2), (WALL_CLOCK, ClockReading(5)))
    assert found.clock is not None
    assert (found.clock.name, found.clock.span_ns) == ("monotonic clock", 1)
    found = statistics(
        (READ_TSC, TscReading(2_000_000_000)),
        (READ_TSCP, TscReading(4_000_000_000)),
        (READ_TSC, TscReading(5_000_000_000)),
        *readings(1, 2),
    )
    assert found.clock is not None
    assert (found.clock.name, found.clock.readings) == ("cycle counter", 3)
    assert found.clock.span_ns == 3 * SECOND_NS // 2


def test_rates_are_of_what_lies_between_the_readings() -> None:
    written = (ConsoleWrite(b"a"), DONE)
    found = statistics(written, *readings(0), written, written, *readings(SECOND_NS // 2), written)
    assert found.clock is not None
    assert (found.clock.first_event, found.clock.last_event) == (1, 4)
    assert found.clock.per_second("ConsoleWrite") == 4.0
    assert found.clock.per_second("MonotonicClock") == 2.0
    assert found.clock.per_second("Poll") is None


def test_no_time_means_no_rates() -> None:
    found = statistics(*readings(5, 5))
    assert found.clock is not None
    assert found.clock.per_second("MonotonicClock") is None


def test_waiting_is_what_passed_around_polls() -> None:
    poll = (Poll(0), PollResult(4))
    found = statistics(
        poll, *readings(100), poll, poll, *readings(150, 1150), poll, *readings(1160), poll
    )
    clock = found.clock
    assert clock is not None
    assert found.polls.count == 5
    assert (clock.polls, clock.polls_ns) == (3, 60)
    assert clock.span_ns == 1060
    assert (clock.longest_ns, clock.longest_before) == (1000, 5)
    assert clock.busy[1] == 1, "1 µs is the first of the second group"
    assert clock.waiting[0] == 2
    assert sum(clock.busy) + sum(clock.waiting) == 3


def test_gaps_by_length() -> None:
    total = 0
    values = [0]
    for limit in GAP_LIMITS_NS:
        total += limit - 1
        values.append(total)
    found = statistics(*readings(*values, total + 10 * GAP_LIMITS_NS[-1]))
    assert found.clock is not None
    assert found.clock.busy == [1] * (len(GAP_LIMITS_NS) + 1)


def test_clocks_that_go_back_do_not_take_time_away() -> None:
    found = statistics(*readings(1000, 400, 500))
    assert found.clock is not None
    assert (found.clock.span_ns, found.clock.went_back) == (100, 1)


def test_of_a_whole_trace() -> None:
    with open_trace(CORPUS / "devices-1.0.mp") as trace:
        found = gather(trace)
    assert found.damage is None
    assert found.calls.total() == 44
    assert found.polls == Polls(2, 1, 991073)
    assert found.devices[1] == Transfers(2, 1024, 1, 512, refused=2)
    assert found.devices[2] == Transfers(2, 120, 1, 60, empty=1)


@pytest.mark.parametrize("sealed", [True, False])
def test_up_to_the_damage(tmp_path: Path, sealed: bool) -> None:
    path = tmp_path / "broken.mp"
    path.write_bytes((CORPUS / "devices-1.0.mp").read_bytes())
    first_lost = break_last_events(path)
    if not sealed:
        path.write_bytes(path.read_bytes()[:-60])
    with open_trace(path) as trace:
        found = gather(trace)
    assert found.damage is not None
    assert found.calls.total() == first_lost
