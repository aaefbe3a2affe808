from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE
from traces.compare import Difference, Where, compare, compare_headers
from traces.header import Header
from traces.reader import open_trace
from traces.summary import Outcome, Summary

MakeTrace = Callable[..., Path]


def compared(left: Path, right: Path) -> Difference | None:
    with open_trace(left) as ours, open_trace(right) as theirs:
        return compare(ours, theirs)


def test_same_run_in_other_blocks_and_with_its_guest(make_trace: MakeTrace) -> None:
    assert compared(make_trace(per_block=1), make_trace(per_block=16, digests=True)) is None


def test_first_event_that_differs(make_trace: MakeTrace, run: tuple) -> None:
    other = [*run]
    other[2] = (ConsoleWrite(b"hallo\n"), DONE)
    other[5] = (WALL_CLOCK, ClockReading(1))
    found = compared(make_trace(), make_trace(other))
    assert found is not None
    assert (found.where, found.name) == (Where.EVENT, "2")
    assert found.left.startswith("ConsoleWrite(data=<6 bytes, crc32c ")
    assert "event 2: ConsoleWrite(" in str(found)


def test_one_run_that_goes_on(make_trace: MakeTrace, run: tuple) -> None:
    found = compared(make_trace(run[:3]), make_trace(run))
    assert found is not None
    assert (found.name, found.left) == ("3", "nothing")
    assert found.right == "ReadTsc() -> TscReading(cycles=3000000, aux=0)"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"status": 8}, "status"),
        ({"outcome": Outcome.MISUSE}, "outcome"),
        ({"detail": "x"}, "detail"),
    ],
)
def test_outcomes(make_trace: MakeTrace, change: dict[str, object], name: str) -> None:
    ended = Summary(Outcome.HALTED, status=7, console_bytes=6)
    found = compared(make_trace(), make_trace(summary=replace(ended, **change)))
    assert found is not None
    assert (found.where, found.name) == (Where.OUTCOME, name)


def test_unfinished_against_finished(make_trace: MakeTrace) -> None:
    found = compared(make_trace(summary=None), make_trace())
    assert found == Difference(Where.OUTCOME, "outcome", "nothing", "1")


def test_headers_name_the_key(make_header: Callable[..., Header]) -> None:
    ours = make_header()
    theirs = replace(ours, machine=replace(ours.machine, mem_size=1 << 20))
    assert compare_headers(ours, theirs) == Difference(
        Where.HEADER, "machine.mem_size", "536870912", "1048576"
    )
    fewer = replace(ours, boot=replace(ours.boot, devices=ours.boot.devices[:1]))
    found = compare_headers(ours, fewer)
    assert found is not None
    assert (found.name, found.right) == ("boot.devices[1].handle", "nothing")


def test_who_recorded_when_and_where_is_no_difference(make_header: Callable[..., Header]) -> None:
    ours = make_header()
    theirs = replace(ours, created_by="other", recorded_at_ns=5, host={"name": "x"}, options={})
    assert compare_headers(ours, theirs) is None


def test_arguments_differ_before_events(make_trace: MakeTrace, run: tuple) -> None:
    found = compared(make_trace(run[:1]), make_trace(command_line=b"other"))
    assert found is not None
    assert (found.where, found.name) == (Where.HEADER, "boot.command_line")
    assert found.right == "b'other'"
