from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.cli.trace_stats import gather
from replay.cli.trace_stats_text import duration_text, stats_json, stats_text
from tests.unit.replay.cli.broken import break_last_events
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"


def text_of(path: Path) -> str:
    with open_trace(path) as trace:
        return stats_text(trace, gather(trace))


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1000, "1 µs"),
        (1234, "1.23 µs"),
        (2_500_000, "2.5 ms"),
        (1_000_000_000, "1 s"),
        (86_400 * 10**9, "86400 s"),
    ],
)
def test_durations(ns: int, text: str) -> None:
    assert duration_text(ns) == text


def test_text() -> None:
    path = CORPUS / "devices-1.0.mp"
    lines = text_of(path).splitlines()
    assert lines[0] == f"{path}: complete, 44 events"
    clock = "12 readings of its cycle counter in events 0 to 39"
    assert lines[1] == f"time        123 µs of the guest's, by {clock}"
    rows = [" ".join(line.split()) for line in lines]
    assert "13 29.5% 89,451.3 ConsoleWrite" in rows
    assert "1 2.3% - Halt" in rows
    assert "1.0 KiB in 2 512 bytes in 1 1 storage, 2 refused" in rows
    assert "120 bytes in 2 60 bytes in 1 2 service, 1 read found nothing" in rows
    assert "waiting 2 polls; 1 found nothing until their timeouts had passed, 991 µs in all" in rows
    assert "at most 14.8 µs for 1 of them, by the readings before and behind" in rows
    assert any(row.startswith("4 0 < 10 µs") and row.endswith("█") for row in rows)
    assert rows[-1].startswith("the longest: ")


def test_text_of_a_run_without_polls_and_gaps() -> None:
    text = text_of(CORPUS / "example-1.0.mp")
    assert "the guest never polled" in text
    assert "1 µs of the guest's, by 2 readings of its wall clock" in text
    lines = text_of(CORPUS / "every-call-1.0.mp").splitlines()
    assert lines[1].endswith(", which went back 5 times")


def test_text_of_a_damaged_trace(tmp_path: Path) -> None:
    path = tmp_path / "broken\x1b.mp"
    path.write_bytes((CORPUS / "devices-1.0.mp").read_bytes())
    break_last_events(path)
    text = text_of(path)
    assert "broken\\x1b.mp: DAMAGED, " in text
    assert "\ndamage      " in text
    assert "\x1b" not in text


def test_json() -> None:
    with open_trace(CORPUS / "devices-1.0.mp") as trace:
        data = json.loads(stats_json(trace, gather(trace)))
    assert data["events"] == 44
    assert data["complete"] is True
    assert data["damage"] is None
    halts = data["calls"]["Halt"]
    assert halts == {"count": 1, "share": 1 / 44, "per_s": None}
    assert [(device["handle"], device["name"]) for device in data["devices"]] == [
        (1, "storage"),
        (2, "service"),
    ]
    assert data["devices"][0]["bytes_in"] == 1024
    assert data["polls"] == {"count": 2, "passed": 1, "passed_ns": 991073}
    clock = data["clock"]
    assert clock["polls_between_readings"] == 1
    assert clock["gaps"][-1]["below_ns"] is None
    counted = sum(gap["without_poll"] + gap["with_poll"] for gap in clock["gaps"])
    assert counted == clock["readings"] - 1


def test_json_without_a_clock(tmp_path: Path) -> None:
    with open_trace(CORPUS / "example-1.0.mp") as trace:
        found = gather(trace)
        for clock in found.clocks:
            clock.readings = 0
        data = json.loads(stats_json(trace, found))
        text = stats_text(trace, found)
    assert data["clock"] is None
    assert data["calls"]["Halt"]["per_s"] is None
    assert "not known: the guest read no clock" in text
    assert "\ngaps" not in text
