from __future__ import annotations

from replay.export.endings import ending_text, exit_status
from tests.unit.replay.made_traces import MakeTrace
from traces.reader import open_trace


def test_how_runs_end(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        *others, misuse, halt = trace.events()
    assert all(exit_status(event) is None and ending_text(event) is None for event in others)
    assert (exit_status(halt), ending_text(halt)) == (249, "exited with status 249")
    assert exit_status(misuse) == 1
    assert ending_text(misuse) == "ended with status 1: at 0x10\\x1b[2J"
