from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replay.engines.choice import AUTO, Choice
from replay.engines.errors import EngineUnavailable
from replay.engines.ports import Engine
from replay.engines.registry import engine_factory
from replay.machine.position import Position
from replay.player import starting
from replay.player.errors import GuestNeeded
from replay.player.starting import start_replay
from traces.reader import Trace, open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"
HELLO, WITHOUT_GUEST = CORPUS / "hello-1.0.mp", CORPUS / "example-1.0.mp"


def recorded_on(trace: Trace, engine: str) -> Trace:
    header = trace.header
    trace.header = replace(header, machine=replace(header.machine, engine=engine))
    return trace


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of engines that this host has not; at first those that it might have or not."""
    names = {"kvm", "native"}

    def make(name: str) -> Engine:
        if name in names:
            raise EngineUnavailable(name, "there is none")
        return engine_factory(name)()

    monkeypatch.setattr(starting, "engine_factory", lambda name: lambda: make(name))
    monkeypatch.setattr("replay.engines.kvm.probe.probe", lambda: None)
    return names


def choice_for(recorder: str, wanted: str = AUTO) -> Choice:
    with open_trace(HELLO) as trace:
        session, choice = start_replay(recorded_on(trace, recorder), wanted)
        try:
            assert session.run(Position(3, 7)).position == Position(3, 7)
        finally:
            session.close()
    return choice


def test_the_engine_that_recorded_comes_first(missing: set[str]) -> None:
    assert choice_for("unicorn") == Choice("unicorn")


def test_where_there_is_none_the_best_goes_on(missing: set[str]) -> None:
    choice = choice_for("native")
    assert choice.name == "unicorn"
    assert [problem.engine for problem in choice.passed_over] == ["native", "kvm"]


def test_an_engine_that_nobody_knows_is_none(missing: set[str]) -> None:
    assert choice_for("abacus").name == "unicorn"


def test_an_engine_by_name(missing: set[str]) -> None:
    assert choice_for("native", "unicorn") == Choice("unicorn")
    with pytest.raises(EngineUnavailable, match="engine native"):
        choice_for("unicorn", "native")


def test_what_cannot_be_booted_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Watched:
        def close(self) -> None:
            closed.append("engine")

    monkeypatch.setattr(starting, "engine_factory", lambda _name: Watched)
    with open_trace(WITHOUT_GUEST) as trace, pytest.raises(GuestNeeded):
        start_replay(trace, "unicorn")
    assert closed == ["engine"]
