"""Recordings to look at, each made once; one process has all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gdb.recordings import Recordings
from tests.unit.replay.player.travelled import Journey, make_journey


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The guests are built and recorded once."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("tui"))


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A guest with one of everything, and what a straight replay sees of it."""
    return make_journey(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Recordings of guest programs, each made when it is needed."""
    return Recordings(tmp_path_factory.mktemp("recordings"))
