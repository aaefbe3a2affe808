"""Fixtures for all tests of the package `replay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.testing.cases import GuestShelf
from tests.unit.replay.made_traces import damage, make_trace  # noqa: F401 (fixtures)
from tests.unit.replay.recordings import Recorder


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> GuestShelf:
    """All programs, built when they are needed."""
    return GuestShelf(tmp_path_factory.mktemp("guests"))


@pytest.fixture
def recorder(tmp_path: Path, shelf: GuestShelf) -> Recorder:
    """Records real guests under the scripted source."""
    return Recorder(tmp_path, shelf)
