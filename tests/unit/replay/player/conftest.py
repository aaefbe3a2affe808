"""The journey that the tests of time travel make."""

from __future__ import annotations

import pytest

from tests.unit.replay.player.traced import TARGETS, Traced, make_traced
from tests.unit.replay.player.travelled import Journey, make_journey


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has all tests of the journey, which is then made once."""
    for item in items:
        if isinstance(item, pytest.Function) and "journey" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("journey"))


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The recording of a guest with one of everything, and what a straight replay sees of it."""
    return make_journey(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="session", params=TARGETS)
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """The recording of a guest whose values have known origins, for each target."""
    return make_traced(tmp_path_factory.mktemp("traced"), request.param)
