"""What is written, by the rules of the format. Perfetto's own trace processor is a program that its
package fetches when it first runs, so that no test can have it."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monitors.calls.clock import MONOTONIC_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from replay.cli.trace import main
from replay.export.perfetto import PerfettoExporter
from replay.export.times import EventSpans
from tests.unit.replay.export.captured import columns_of, exported
from tests.unit.replay.made_traces import Crossing, MakeTrace
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

Item = dict[str, Any]
CORPUS = Path(__file__).parents[4] / "traces/corpus"
REQUIRED = {
    "X": {"name", "pid", "tid", "ts", "dur"},
    "C": {"name", "pid", "ts", "args"},
    "i": {"name", "pid", "tid", "ts", "s"},
    "M": {"name", "pid", "tid", "args"},
}
TYPES = {"name": str, "pid": int, "tid": int, "ts": float, "dur": float, "args": dict, "s": str}


def reading(ns: int) -> Crossing:
    return MONOTONIC_CLOCK, ClockReading(ns)


def export(path: Path, given: dict[int, bytes] | None = None) -> tuple[Item, str]:
    with open_trace(path) as trace:
        spans = EventSpans(columns_of(trace))
    data, summary = exported(
        path, lambda header, times, write: PerfettoExporter(header, times, spans, write), given
    )
    return json.loads(data), summary


def checked(whole: Item) -> list[Item]:
    """The items of an export that keeps all rules of the format."""
    items: list[Item] = whole["traceEvents"]
    for item in items:
        assert item.keys() >= REQUIRED[item["ph"]], item
        assert all(isinstance(item[key], kind) for key, kind in TYPES.items() if key in item), item
        assert item.get("ts", 0) >= 0
        assert item.get("dur", 0) >= 0
        assert item.get("s", "t") in ("g", "p", "t")
    for slices in by_track(items).values():
        ends = [(each["ts"], each["ts"] + each["dur"]) for each in slices]
        assert all(one[1] <= other[0] + 1e-4 for one, other in pairwise(ends)), (
            "they would not nest"
        )
    names = {item["tid"] for item in items if item["name"] == "thread_name"}
    assert names >= {item["tid"] for item in items if item["ph"] in "Xi"}
    return items


def by_track(items: list[Item]) -> dict[int, list[Item]]:
    tracks = defaultdict(list)
    for item in items:
        if item["ph"] == "X":
            tracks[item["tid"]].append(item)
    return tracks


def track(items: list[Item], name: str) -> list[Item]:
    (number,) = (
        item["tid"]
        for item in items
        if item["name"] == "thread_name" and item["args"]["name"] == name
    )
    return by_track(items)[number]


def of(items: list[Item], kind: str) -> list[Item]:
    return [item for item in items if item["ph"] == kind]


CROSSINGS: tuple[Crossing, ...] = (
    reading(1_000_000),
    (ConsoleWrite(b"one\ntw"), DONE),
    (Poll(5_000_000), PollResult(4)),
    (NetRead(2, 1514), NetFrame(0, b"frame")),
    (NetWrite(2, b"answer"), IoStatus(0)),
    reading(3_000_000),
    (ConsoleWrite(b"o\nrest"), DONE),
    reading(3_100_000),
    (Halt(-7), DONE),
)


def test_calls_waiting_counters_and_instants(make_trace: MakeTrace) -> None:
    whole, summary = export(make_trace(CROSSINGS), {1: b"one\ntw", 6: b"o\nrest"})
    items = checked(whole)
    assert summary == "9 calls"
    assert whole["displayTimeUnit"] == "ns"
    assert whole["otherData"]["date_from"].startswith("when the recording began")
    assert [call["name"] for call in track(items, "net")] == ["NetRead", "NetWrite"]
    assert track(items, "net")[0]["args"] == {
        "event": 3,
        "inputs": "handle=2 service, length=1514",
        "result": "OK, 5 bytes: Ethernet cut off after 5 bytes",
    }
    names = [(each["name"], each["ts"], each["dur"]) for each in track(items, "guest")]
    assert names == [
        ("running", 0.0, 2.0),
        ("waiting", 2.0, 1995.0),
        ("running", 1997.0, 103.0),
    ]
    counters = [(item["name"], item["args"]) for item in of(items, "C")]
    assert ("console bytes", {"in": 0, "out": 12}) in counters
    assert ("service bytes", {"in": 5, "out": 6}) in counters
    assert counters[-1] == ("events per second", {"events": 0})
    instants = [(item["name"], item["s"]) for item in of(items, "i")]
    assert instants == [("one", "t"), ("two", "t"), ("exited with status 249", "g"), ("rest", "t")]


def test_rates_are_of_windows(make_trace: MakeTrace) -> None:
    crossings = [reading(0), reading(500_000), reading(1_200_000), reading(5_000_000)]
    items = checked(export(make_trace(crossings))[0])
    rates = [(c["ts"], c["args"]["events"]) for c in of(items, "C")]
    assert rates == [(0.0, 2000), (1000.0, 1000), (2000.0, 0), (5000.0, 1000), (5000.0, 0)]


def test_a_guest_without_clocks(make_trace: MakeTrace) -> None:
    misuse = (Misuse(MisuseKind.SEGMENTATION_FAULT, "at\x1b 0"), DONE)
    whole, _ = export(make_trace([(ConsoleWrite(b"\xff\n"), DONE), misuse]), {0: b"\xff\n"})
    items = checked(whole)
    assert "a microsecond for each event" in whole["otherData"]["times"]
    assert [(each["ts"], each["dur"]) for each in track(items, "end")] == [(1.0, 1.0)]
    assert [item["name"] for item in of(items, "i")] == [
        "�",
        "ended with status 139: at\\x1b 0",
    ]


@pytest.mark.parametrize("name", ["devices", "every-call", "hello", "misuse", "trap"])
def test_every_kind_of_run(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    words = ["export", "perfetto", str(CORPUS / f"{name}-1.0.mp"), "-o", str(path)]
    # That trace is of no guest.
    assert main([*words, "--no-replay"] if name == "every-call" else words) == 0
    items = checked(json.loads(path.read_text()))
    with open_trace(CORPUS / f"{name}-1.0.mp") as trace:
        calls = [item for item in of(items, "X") if "args" in item]
        assert [call["args"]["event"] for call in calls] == list(range(trace.event_count))


@pytest.mark.slow
def test_a_server(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record_case("http")
    path = tmp_path / "out.json"
    assert main(["export", "perfetto", str(recording.path), "-o", str(path)]) == 0
    items = checked(json.loads(path.read_text()))
    assert track(items, "waits")
    assert {each["name"] for each in track(items, "guest")} == {"running", "waiting"}
