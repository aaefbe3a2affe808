"""The recording that the tests of the terminal interface explore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.player.source_files import SourceFiles
from replay.player.timeline import Timeline
from replay.tui.explorer import Explorer
from tests.unit.replay.player.travelled import Journey, make_journey
from traces.reader import Trace, open_trace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has all tests of the recording, which is then made once."""
    for item in items:
        if isinstance(item, pytest.Function) and "everything" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("everything"))


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A guest with one of everything, recorded, and what a straight replay sees of it."""
    return make_journey(tmp_path_factory.mktemp("everything"))


@pytest.fixture
def trace(everything: Journey) -> Iterator[Trace]:
    """Its trace, open."""
    with open_trace(everything.path) as trace:
        yield trace


def exploring(trace: Trace, folder: Path) -> Explorer:
    """An explorer at the start of a recording; its timeline is to be closed."""
    return Explorer(Timeline(trace), SourceFiles((), (folder,)))


@pytest.fixture
def explorer(trace: Trace, everything: Journey) -> Iterator[Explorer]:
    """An explorer at the start of it."""
    found = exploring(trace, everything.path.parent)
    yield found
    found.timeline.close()
