"""Desks for handlers to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.tui.explorer import Explorer
from replay.tui.recording import Recording
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk
from tests.unit.replay.tui.model.event_traces import PRINTED, SENT, clock, write
from traces.reader import Trace, open_trace


def known(trace: Trace) -> Recording:
    """A recording that has been scanned."""
    recording = Recording(trace)
    recording.begin(survey=False)
    assert recording._scanner is not None
    recording._scanner.join()
    return recording


@pytest.fixture
def desk(explorer: Explorer, trace: Trace) -> FakeDesk:
    """At the start of a guest with one of everything. What is written beside its trace is the
    test's to take away again."""
    return FakeDesk(known(trace), explorer)


@pytest.fixture
def early_desk(tmp_path: Path) -> Iterator[FakeDesk]:
    """In front of a guest that has not booted yet."""
    path = write(tmp_path / "app.mp", [clock(5), PRINTED, SENT, PRINTED])
    with open_trace(path) as trace:
        yield FakeDesk(known(trace))
