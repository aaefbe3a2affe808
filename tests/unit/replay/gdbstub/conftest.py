"""A small recording to travel through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.gdbstub.journey import Journey
from replay.player.timeline import Timeline
from traces.reader import open_trace

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def hello_timeline() -> Iterator[Timeline]:
    """`hello`, as the corpus has it."""
    with open_trace(ROOT / "traces" / "corpus" / "hello-1.0.mp") as trace:
        timeline = Timeline(trace)
        yield timeline
        timeline.close()


@pytest.fixture
def timeline(hello_timeline: Timeline) -> Timeline:
    """The same, at its start."""
    hello_timeline.seek(hello_timeline.start)
    return hello_timeline


@pytest.fixture
def said() -> list[str]:
    """What people were told."""
    return []


@pytest.fixture
def journey(timeline: Timeline, said: list[str]) -> Iterator[Journey]:
    """A journey that begins at the start."""
    journey = Journey(timeline, said.append)
    yield journey
    journey.end_diversion()
