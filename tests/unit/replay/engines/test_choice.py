from __future__ import annotations

import pytest

from replay.engines import choice
from replay.engines.choice import (
    AUTO,
    PREFERRED,
    Choice,
    why_unavailable,
    why_unusable,
    with_engine,
)
from replay.engines.errors import EngineFailure, EngineUnavailable

Problems = dict[str, EngineUnavailable | None]


@pytest.fixture
def problems(monkeypatch: pytest.MonkeyPatch) -> Problems:
    """What keeps a host from its engines; at first nothing."""
    found: Problems = dict.fromkeys(PREFERRED)
    monkeypatch.setattr("replay.engines.kvm.probe.probe", lambda: found["kvm"])
    return found


def make_of(problems: Problems) -> object:
    def make(name: str) -> str:
        problem = problems[name]
        if problem is not None:
            raise problem
        return f"made on {name}"

    return make


def chosen(problems: Problems, target: str = "hvt", first: str = "") -> Choice:
    made, found = with_engine(AUTO, target, make_of(problems), first=first)  # type: ignore[arg-type]
    assert made == f"made on {found.name}"
    return found


def test_the_fastest_that_works(problems: Problems) -> None:
    assert chosen(problems) == Choice("kvm")
    problems["kvm"] = EngineUnavailable("kvm", "it emulates")
    assert chosen(problems).name == "native"
    problems["native"] = EngineUnavailable("native", "no ptrace")
    found = chosen(problems)
    assert found.name == "unicorn"
    assert [problem.reason for problem in found.passed_over] == ["it emulates", "no ptrace"]


def test_spt_guests_have_no_machine(problems: Problems) -> None:
    found = chosen(problems, "spt")
    assert found.name == "native"
    assert [str(problem) for problem in found.passed_over] == [
        "engine kvm is not available: spt guests run without a virtual machine"
    ]


def test_one_may_come_first(problems: Problems) -> None:
    assert chosen(problems, first="unicorn") == Choice("unicorn")
    problems["unicorn"] = EngineUnavailable("unicorn", "not installed")
    assert [each.engine for each in chosen(problems, first="unicorn").passed_over] == ["unicorn"]
    assert chosen(problems, first="an engine of the future").name == "kvm"


def test_one_that_comes_first_must_be_worth_it(problems: Problems) -> None:
    problems["kvm"] = EngineUnavailable("kvm", "it emulates")
    assert chosen(problems, first="kvm").name == "native"


def test_nothing_works(problems: Problems) -> None:
    for name in problems:
        problems[name] = EngineUnavailable(name, "forbidden")
    with pytest.raises(EngineUnavailable, match=r"engine unicorn .* forbidden"):
        chosen(problems)


def test_a_name_is_taken_at_its_word(problems: Problems) -> None:
    """Also that of one which is of no use here."""
    problems["kvm"] = EngineUnavailable("kvm", "it emulates")
    assert with_engine("kvm", "hvt", str.upper) == ("KVM", Choice("kvm"))


def test_what_fails_otherwise_is_no_reason_to_go_on(problems: Problems) -> None:
    def fail(name: str) -> str:
        raise EngineFailure(name)

    with pytest.raises(EngineFailure, match="kvm"):
        with_engine(AUTO, "hvt", fail)


def test_engines_are_tried_out() -> None:
    assert why_unusable("unicorn") is None
    problem = why_unusable("abacus")
    assert problem is not None
    assert "no such engine" in problem.reason


def test_what_a_host_has_may_be_of_no_use(problems: Problems) -> None:
    problems["kvm"] = EngineUnavailable("kvm", "it emulates")
    assert why_unusable("kvm") is problems["kvm"]
    problem = why_unavailable("kvm")
    assert problem is None or "emulates" not in problem.reason


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
        EngineUnavailable("unicorn", "broken"),
    ],
)
def test_whatever_keeps_an_engine_from_work(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    engine = _Broken(error)
    monkeypatch.setattr(choice, "engine_factory", lambda _name: lambda: engine)
    problem = why_unusable("unicorn")
    assert problem is not None
    assert "broken" in problem.reason
    assert engine.closed == 1


def test_a_host_without_memory_for_guests(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_size: int) -> object:
        raise EngineUnavailable("of any kind", "no memfd_create")

    engine = _Broken(EngineFailure("nothing is mapped"))
    monkeypatch.setattr(choice, "engine_factory", lambda _name: lambda: engine)
    monkeypatch.setattr(choice, "GuestRam", refuse)
    problem = why_unavailable("unicorn")
    assert problem is not None
    assert problem.reason == "no memfd_create"
    assert engine.closed == 1
