from __future__ import annotations

import pytest

from replay.engines import choice
from replay.engines.choice import PREFERRED, best_engine, why_unusable
from replay.engines.errors import EngineFailure, EngineUnavailable

ANSWERS = dict[str, EngineUnavailable | None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> ANSWERS:
    """What a host has, by engine; at first everything."""
    found: ANSWERS = dict.fromkeys(PREFERRED)
    monkeypatch.setattr("replay.engines.kvm.probe.probe", lambda: found["kvm"])
    monkeypatch.setattr(choice, "_try_out", lambda name: found[name])
    return found


def test_the_fastest_that_works(answers: ANSWERS) -> None:
    assert best_engine("hvt").name == "kvm"
    answers["kvm"] = EngineUnavailable("kvm", "it emulates")
    assert best_engine("hvt").name == "native"
    answers["native"] = EngineUnavailable("native", "no ptrace")
    chosen = best_engine("hvt")
    assert chosen.name == "unicorn"
    assert [problem.reason for problem in chosen.passed_over] == ["it emulates", "no ptrace"]


def test_spt_guests_have_no_machine(answers: ANSWERS) -> None:
    assert best_engine("spt").name == "native"
    assert answers["kvm"] is None


def test_nothing_works(answers: ANSWERS) -> None:
    for name in answers:
        answers[name] = EngineUnavailable(name, "forbidden")
    with pytest.raises(EngineUnavailable, match=r"engine unicorn .* forbidden"):
        best_engine("hvt")


def test_engines_are_tried_out() -> None:
    assert why_unusable("unicorn") is None
    problem = why_unusable("abacus")
    assert problem is not None
    assert "no such engine" in problem.reason


class _Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    def map(self, _ram: object, _protections: object) -> None:
        raise self.error

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    "error",
    [
        EngineFailure("broken"),
        PermissionError(1, "broken"),
        EngineUnavailable("native", "broken"),
    ],
)
def test_whatever_keeps_an_engine_from_work(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    engine = _Broken(error)
    monkeypatch.setattr(choice, "engine_factory", lambda _name: lambda: engine)
    problem = why_unusable("native")
    assert problem is not None
    assert "broken" in problem.reason
    assert engine.closed == 1
