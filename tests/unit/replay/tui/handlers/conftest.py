"""Desks for handlers to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.tui.explorer import Explorer
from tests.unit.replay.tui.handlers.fake_desk import FakeDesk
from tests.unit.replay.tui.model.event_traces import PRINTED, SENT, clock
from tests.unit.replay.tui.scanned import recorded, scanned
from traces.reader import Trace


@pytest.fixture
def desk(explorer: Explorer, trace: Trace) -> FakeDesk:
    """At the start of a guest with one of everything. What is written beside its trace is the
    test's to take away again."""
    return FakeDesk(scanned(trace), explorer)


@pytest.fixture
def early_desk(tmp_path: Path) -> Iterator[FakeDesk]:
    """In front of a guest that has not booted yet."""
    with recorded(tmp_path, [clock(5), PRINTED, SENT, PRINTED]) as recording:
        yield FakeDesk(recording)
