from __future__ import annotations

import pytest

from replay.engines.errors import EngineUnavailable
from replay.player import travelling_engine as module
from replay.player.travelling_engine import travelling_engine


def test_an_engine_without_the_abilities_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poor:
        closed = False

        def close(self) -> None:
            Poor.closed = True

    monkeypatch.setattr(module, "engine_factory", lambda _name: Poor)
    with pytest.raises(EngineUnavailable, match="CountsInstructions, Breaks"):
        travelling_engine()
    assert Poor.closed
