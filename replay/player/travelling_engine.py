"""The engine for time travel: one with every ability that it takes."""

from __future__ import annotations

from typing import Protocol

from replay.engines.errors import EngineUnavailable
from replay.engines.ports import (
    Breaks,
    CountsInstructions,
    Engine,
    KeepsProcessor,
    NotesHits,
    TellsPlace,
    TracksCode,
    TracksDirtyPages,
    Watches,
)
from replay.engines.registry import COUNTING_ENGINE, engine_factory


class TravellingEngine(
    Engine,
    CountsInstructions,
    Breaks,
    Watches,
    NotesHits,
    TracksDirtyPages,
    TracksCode,
    TellsPlace,
    KeepsProcessor,
    Protocol,
):
    """What an engine must be able to do for time travel."""


def travelling_engine() -> TravellingEngine:
    """A new engine for time travel; raises ``EngineUnavailable``."""
    engine = engine_factory(COUNTING_ENGINE)()
    needed = (
        *(CountsInstructions, Breaks, Watches, NotesHits),
        *(TracksDirtyPages, TracksCode, TellsPlace, KeepsProcessor),
    )
    missing = [each.__name__ for each in needed if not isinstance(engine, each)]
    if missing:
        engine.close()
        raise EngineUnavailable(COUNTING_ENGINE, f"it has not the ability {', '.join(missing)}")
    return engine  # type: ignore[return-value]  # it has all of them
