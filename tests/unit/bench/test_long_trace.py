"""The trace that screens are measured with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.long_trace import write_long_trace
from traces.reader import open_trace


def test_a_busy_server_and_always_the_same(tmp_path: Path) -> None:
    first, second = (write_long_trace(tmp_path / name, 5_000) for name in ("a.mp", "b.mp"))
    assert first.read_bytes() == second.read_bytes()
    with open_trace(first) as trace:
        kinds = Counter(event.call.name for event in trace.events())
    assert kinds.total() == 5_000
    assert set(kinds) == {
        "BlockRead",
        "ConsoleWrite",
        "MonotonicClock",
        "NetRead",
        "NetWrite",
        "Poll",
        "ReadTsc",
        "WallClock",
    }
