from __future__ import annotations

import sys

import pytest

from replay.engines.errors import EngineUnavailable
from replay.engines.ports import CountsInstructions
from replay.engines.registry import COUNTING_ENGINE, ENGINE_NAMES, engine_factory


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable) as caught:
        engine_factory("abacus")
    assert caught.value.engine == "abacus"
    assert "unicorn" in str(caught.value)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_factories_make_engines(name: str) -> None:
    engine = engine_factory(name)()
    assert callable(engine.run)
    engine.close()


def test_the_counting_engine_counts_instructions() -> None:
    engine = engine_factory(COUNTING_ENGINE)()
    assert isinstance(engine, CountsInstructions)
    engine.close()


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "replay.engines.unicorn.engine", raising=False)
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(EngineUnavailable, match="pip install unicorn"):
        engine_factory("unicorn")


def test_a_module_of_ours_that_is_missing_is_no_matter_of_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "replay.engines.unicorn.engine", None)
    with pytest.raises(ModuleNotFoundError):
        engine_factory("unicorn")
