from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.net import NetFrame, NetRead
from replay.cli.trace import main
from replay.cli.trace_privacy import RANGES_MAX, merge, privacy_data, privacy_lines, privacy_of
from traces.reader import open_trace

MakeTrace = Callable[..., Path]


def test_what_is_held(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        found = privacy_of(trace)
        assert privacy_data(trace, found) == {
            "redacted": [],
            "received": [
                {
                    "device": "storage",
                    "family": "block",
                    "events": 1,
                    "bytes": 512,
                    "first_event": 4,
                    "last_event": 4,
                    "ranges": [[0, 512]],
                    "ranges_left_out": 0,
                },
                {
                    "device": "service",
                    "family": "net",
                    "events": 1,
                    "bytes": 12,
                    "first_event": 10,
                    "last_event": 10,
                },
            ],
            "random_words": 1,
            "command_line_bytes": 7,
            "guest_embedded": True,
            "host": {"system": "Linux", "release": "6.1", "machine": "x86_64"},
        }
        assert list(privacy_lines(trace, found)) == [
            "512 bytes of 1 read from block storage",
            "12 bytes of 1 frame from net service",
            "1 random number",
        ]


def test_ranges_are_bounded(make_trace: MakeTrace) -> None:
    crossings = [
        (BlockRead(1, 1024 * number, 512), BlockData(0, b"x" * 512)) for number in range(100)
    ]
    with open_trace(make_trace(crossings)) as trace:
        data = privacy_data(trace, privacy_of(trace))
    (one,) = data["received"]  # type: ignore[misc]
    assert len(one["ranges"]) == RANGES_MAX
    assert one["ranges_left_out"] == 100 - RANGES_MAX


def test_devices_that_nobody_declared(make_trace: MakeTrace) -> None:
    with open_trace(make_trace([(NetRead(9, 1514), NetFrame(0, b"frame"))])) as trace:
        assert list(privacy_lines(trace, privacy_of(trace))) == ["5 bytes of 1 frame from net 9"]


def test_merge() -> None:
    assert merge([(4, 6), (0, 2), (2, 3), (5, 9), (5, 6)]) == [(0, 3), (4, 9)]
    assert merge([]) == []


def test_info_has_it(make_trace: MakeTrace, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(make_trace())
    assert main(["info", "--json", path]) == 0
    assert json.loads(capsys.readouterr().out)["privacy"]["random_words"] == 1
    assert main(["info", path]) == 0
    assert "received    512 bytes of 1 read from block storage\n" in capsys.readouterr().out
