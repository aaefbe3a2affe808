"""Recordings to look at, each made once in every process that has tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.gdb.recordings import Recordings
from tests.unit.replay.player.travelled import Journey, make_journey


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A guest with one of everything, and what a straight replay sees of it."""
    return make_journey(tmp_path_factory.mktemp("everything"))


@pytest.fixture
def private(everything: Journey, tmp_path: Path) -> Journey:
    """The same in a folder of its own, for tests that leave something beside it."""
    folder = tmp_path / everything.path.parent.name  # by which the source is known
    folder.mkdir()
    path = folder / everything.path.name
    path.write_bytes(everything.path.read_bytes())
    (folder / "main.c").write_bytes((everything.path.parent / "main.c").read_bytes())
    return replace(everything, path=path)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Recordings of guest programs, each made when it is needed."""
    return Recordings(tmp_path_factory.mktemp("recordings"))
