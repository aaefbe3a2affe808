from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from monitors.calls.net import NetFrame, NetRead
from monitors.calls.poll import Poll, PollResult
from traces import columns as columns_module
from traces.columns import ALL_KINDS, EventColumns, kinds_named, scan
from traces.framing import EVENTS
from traces.reader import open_trace
from traces.tags import CONSOLE_WRITE, NET_READ, POLL, SPEC_OF
from traces.tags import MONOTONIC_CLOCK as MONOTONIC

MakeTrace = Callable[..., Path]

DAY = 1_790_000_000_000_000_000
POLLED = (Poll(5), PollResult(0))
PRINTED = (ConsoleWrite(b"x"), DONE)
ARRIVED = (NetRead(2, 1514), NetFrame(0, b"frame"))


def at(ns: int) -> tuple:
    return MONOTONIC_CLOCK, ClockReading(ns)


def columns_of(path: Path) -> EventColumns:
    columns = EventColumns()
    with open_trace(path) as trace:
        for chunk in scan(trace):
            columns.extend(chunk)
    return columns


def mixed(count: int) -> list[tuple]:
    draw = random.Random(1)
    return [draw.choice((POLLED, PRINTED, ARRIVED, at(1000 + n))) for n in range(count)]


def tags_of(run: list[tuple]) -> list[int]:
    return [SPEC_OF[type(call)].tag for call, _ in run]


def test_kinds_times_and_blocks(make_trace: MakeTrace, run: tuple) -> None:
    path = make_trace(run, per_block=3)
    columns = columns_of(path)
    assert columns.event_count == len(run)
    assert [columns.kind(n) for n in range(len(run))] == tags_of(list(run))
    assert columns.damage is None
    with open_trace(path) as trace:
        heads = [head for head in trace.blocks() if head.tag == EVENTS]
        for n in range(len(run)):
            assert columns.block_of(n) == heads[n // 3].offset_bytes
    assert columns.block_of(len(run)) is columns.block_of(-1) is None


def test_time_runs_on_through_blocks(make_trace: MakeTrace) -> None:
    run = [POLLED, at(50), POLLED, at(70), POLLED, at(100), POLLED]
    columns = columns_of(make_trace(run, per_block=2))
    assert [columns.time_ns(n) for n in range(7)] == [0, 0, 0, 20, 20, 50, 50]
    assert columns.end_ns == 50
    assert [columns.at_time(ns) for ns in (-1, 0, 1, 20, 21, 50, 51)] == [0, 0, 3, 3, 5, 5, 7]
    assert columns.wall_ns(3) is None


def test_wall_time_is_what_the_guest_was_told(make_trace: MakeTrace) -> None:
    step = 10**9
    run = [
        POLLED,
        at(50),
        (WALL_CLOCK, ClockReading(DAY)),
        at(50 + step),
        (WALL_CLOCK, ClockReading(DAY + 3 * step)),
        POLLED,
    ]
    columns = columns_of(make_trace(run, per_block=2))
    walls = [columns.wall_ns(n) for n in range(6)]
    assert walls == [DAY, DAY, DAY, DAY + step, DAY + 3 * step, DAY + 3 * step]


def test_next_and_previous_of_kinds(make_trace: MakeTrace) -> None:
    run = mixed(300)
    columns, tags = columns_of(make_trace(run, per_block=50)), tags_of(run)
    for kinds in ({POLL}, {POLL, NET_READ}, {CONSOLE_WRITE, MONOTONIC}, set(), ALL_KINDS):
        chosen = [n for n, tag in enumerate(tags) if tag in kinds]
        for event in (-5, 0, 1, 77, 150, 298, 299, 300, 400):
            behind = [n for n in chosen if n >= event]
            before = [n for n in chosen if n < event]
            assert columns.next(frozenset(kinds), event) == (behind[0] if behind else None)
            assert columns.previous(frozenset(kinds), event) == (before[-1] if before else None)


def test_counts_and_selects_over_blocks(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK", 16)
    run = mixed(200)
    columns, tags = columns_of(make_trace(run, per_block=7)), tags_of(run)
    for kinds in (frozenset({POLL}), frozenset({POLL, NET_READ}), frozenset(), ALL_KINDS):
        chosen = [n for n, tag in enumerate(tags) if tag in kinds]
        assert columns.count(kinds) == len(chosen)
        for begin, end in ((0, 16), (3, 15), (15, 17), (30, 130), (199, 200), (50, 20), (9, 999)):
            assert columns.count(kinds, begin, end) == sum(begin <= n < end for n in chosen)
        for event in (-1, 0, 15, 16, 17, 130, 200, 999):
            counts = columns.counts_before(event)
            assert sum(counts[tag] for tag in kinds) == sum(n < event for n in chosen)
        assert [columns.select(kinds, n) for n in range(len(chosen))] == chosen
        for nth in (-1, len(chosen)):
            with pytest.raises(IndexError):
                columns.select(kinds, nth)


def test_only_some_blocks_of_matches_are_kept(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "_BLOCK", 4)
    monkeypatch.setattr(columns_module, "_SETS_MAX", 3)
    columns = columns_of(make_trace([POLLED] * 100))
    assert [columns.select(ALL_KINDS, n) for n in range(100)] == list(range(100))
    assert len(columns._sets) == 3


def test_a_scan_goes_on_when_more_has_come(make_trace: MakeTrace, tmp_path: Path) -> None:
    run = mixed(60)
    whole = make_trace(run, per_block=10, summary=None)
    data = whole.read_bytes()
    with open_trace(whole) as trace:
        ends = [head.end_bytes for head in trace.blocks() if head.tag == EVENTS]
    growing = tmp_path / "growing.mp"
    growing.write_bytes(data[: ends[0] + 5])
    columns = EventColumns()
    with open_trace(growing) as trace:
        for end in (ends[1], ends[3], len(data)):
            growing.write_bytes(data[:end])
            trace.refresh()
            for chunk in scan(trace, columns.mark):
                columns.extend(chunk)
            assert columns.event_count == trace.event_count
    straight = columns_of(whole)
    assert columns.event_count == 60
    for n in range(60):
        assert columns.time_ns(n) == straight.time_ns(n)
        assert columns.block_of(n) == straight.block_of(n)


def test_damage_ends_it_and_is_told(make_trace: MakeTrace, tmp_path: Path) -> None:
    run = mixed(60)
    path = make_trace(run, per_block=10)
    data = bytearray(path.read_bytes())
    with open_trace(path) as trace:
        heads = [head for head in trace.blocks() if head.tag == EVENTS]
    data[heads[3].payload_offset_bytes + 2] ^= 0xFF
    path.write_bytes(data)
    columns = columns_of(path)
    assert columns.event_count == 30
    assert "checksum" in str(columns.damage)
    assert columns.next(ALL_KINDS, 30) is None


def test_an_event_that_is_none(tmp_path: Path, make_header: Callable) -> None:
    from traces.writer import TraceWriter

    path = tmp_path / "bad.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as writer:
        writer.append(*POLLED)
        writer.append_block(b"\x93\x04\x01\x00\x93\x7f\x00\x00\x93\x04\x01\x00", 3)
        writer.append(*POLLED)
    columns = columns_of(path)
    assert columns.event_count == 2
    assert "event 2" in str(columns.damage)
    assert "tag 127" in str(columns.damage)


def test_bytes_behind_the_last_event_of_a_block(tmp_path: Path, make_header: Callable) -> None:
    from traces.writer import TraceWriter

    path = tmp_path / "bad.mp"
    with TraceWriter(path, make_header(), None, flush_interval_s=None, clock=float) as writer:
        writer.append_block(b"\x93\x04\x01\x00\x93\x04\x01\x00", 1)
    columns = columns_of(path)
    assert (columns.event_count, "further bytes" in str(columns.damage)) == (1, True)


def test_a_very_long_trace_gets_columns_of_its_beginning(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "EVENTS_MAX", 25)
    columns = columns_of(make_trace([POLLED] * 60, per_block=10))
    assert (columns.event_count, columns.damage) == (25, None)


def test_a_wall_clock_that_jumps_for_ever_takes_no_more_memory(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "WALLS_MAX", 3)
    run = [at(0), *((WALL_CLOCK, ClockReading(n * 10**9)) for n in range(20))]
    columns = columns_of(make_trace(run))
    assert columns.wall_ns(20) == 2 * 10**9


def test_no_events(make_trace: MakeTrace) -> None:
    columns = columns_of(make_trace([]))
    assert (columns.event_count, columns.end_ns, columns.at_time(5)) == (0, 0, 0)
    assert columns.count(ALL_KINDS) == 0
    assert columns.next(ALL_KINDS, 0) is columns.previous(ALL_KINDS, 0) is None
    with pytest.raises(IndexError):
        columns.select(ALL_KINDS, 0)


def test_little_memory(make_trace: MakeTrace) -> None:
    columns = columns_of(make_trace([POLLED] * 10_000, per_block=10_000))
    assert columns.size_bytes < 10 * 10_000


def test_kinds_by_name() -> None:
    assert kinds_named(["NetRead", "Poll"]) == {NET_READ, POLL}
    with pytest.raises(KeyError):
        kinds_named(["Nothing"])
