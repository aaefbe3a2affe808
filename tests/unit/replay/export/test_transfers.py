from __future__ import annotations

import pytest

from replay.export.transfers import Transfer, transfer_of
from tests.unit.replay.made_traces import MakeTrace
from traces.reader import open_trace

MOVED = {
    2: Transfer(None, 0, 6),
    4: Transfer(1, 512, 0),
    5: Transfer(1, 0, 512),
    6: Transfer(1, 512, 0),
    7: Transfer(1, 0, 0),
    10: Transfer(2, 12, 0),
    11: Transfer(2, 0, 0),
    12: Transfer(9, 0, 0),
}


@pytest.mark.parametrize("number", range(19))
def test_what_an_event_moved(make_trace: MakeTrace, number: int) -> None:
    with open_trace(make_trace()) as trace:
        event = next(trace.events(number))
    assert transfer_of(event) == MOVED.get(number)
