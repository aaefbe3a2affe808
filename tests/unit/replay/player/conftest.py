"""The journey that the tests of time travel make."""

from __future__ import annotations

import pytest

from tests.unit.replay.player.travelled import Journey, make_journey


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The recording of a guest with one of everything, and what a straight replay sees of it."""
    return make_journey(tmp_path_factory.mktemp("everything"))
