"""The recording that the tests of the terminal interface explore."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.player.source_files import SourceFiles
from replay.player.timeline import Timeline
from replay.tui.explorer import Explorer
from tests.unit.replay.growing import Growing
from tests.unit.replay.player.travelled import Journey, make_journey
from traces.locking import lock_as_writer
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


class BeingRecorded(Growing):
    """A recording that is still being written, by somebody who holds the lock of writers."""

    def __init__(self, path: Path, *, blocks: int) -> None:
        super().__init__(path, per_block=4, blocks=blocks)
        self._writer = self.path.open("r+b")
        lock_as_writer(self._writer.fileno())

    def abandon(self) -> None:
        """Whoever writes it is gone."""
        self._writer.close()


@contextlib.contextmanager
def growing_copy(path: Path, *, blocks: int) -> Iterator[BeingRecorded]:
    """A copy of a recording of which there are only some blocks yet."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / path.name
        whole.write_bytes(path.read_bytes())
        copy = BeingRecorded(whole, blocks=blocks)
        yield copy
        copy.abandon()


def exploring(trace: Trace, folder: Path) -> Explorer:
    """An explorer at the start of a recording; its timeline is to be closed."""
    return Explorer(Timeline(trace), SourceFiles((), (folder,)))


@pytest.fixture
def explorer(trace: Trace, everything: Journey) -> Iterator[Explorer]:
    """An explorer at the start of it."""
    found = exploring(trace, everything.path.parent)
    yield found
    found.timeline.close()
