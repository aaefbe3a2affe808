from __future__ import annotations

import json

import pytest

from replay.cli.doctor import render
from replay.cli.exit_codes import ReplayStatus
from replay.cli.host_checks import Finding
from replay.cli.replay import main
from replay.engines import choice
from replay.engines.errors import EngineUnavailable

Capture = pytest.CaptureFixture[str]


def _only(monkeypatch: pytest.MonkeyPatch, *working: str) -> None:
    def why(name: str, target: str = "hvt") -> EngineUnavailable | None:
        if name in working:
            return None
        return EngineUnavailable(name, f"no {name} for {target}", f"get {name}")

    monkeypatch.setattr(choice, "why_unusable", why)


def test_a_host_with_an_engine(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _only(monkeypatch, "unicorn")
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["engine", "kvm", "no", "hvt", "guests"]
    assert lines[1].split(maxsplit=1) == ["why:", "no kvm for hvt"]
    assert lines[2].split(maxsplit=1) == ["try:", "get kvm"]
    assert any(line.split()[:3] == ["engine", "unicorn", "yes"] for line in lines)
    assert lines[-2:] == [
        "--engine auto for hvt guests: unicorn",
        "--engine auto for spt guests: unicorn",
    ]


def test_a_host_with_everything(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _only(monkeypatch, "unicorn", "native", "kvm")
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "--engine auto for hvt guests: kvm",
        "--engine auto for spt guests: native",
    ]


def test_a_host_without(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _only(monkeypatch)
    assert main(["doctor"]) == ReplayStatus.CANNOT_REPLAY
    assert capsys.readouterr().out.endswith("--engine auto for spt guests: none works\n")


def test_the_same_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    _only(monkeypatch, "native")
    assert main(["doctor", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["auto"] == {"hvt": "native", "spt": "native"}
    assert shown["facilities"][0] == {
        "facility": "engine kvm",
        "works": False,
        "purpose": "hvt guests",
        "detail": "no kvm for hvt",
        "remedy": "get kvm",
    }
    assert len(shown["facilities"]) == 3 + 15


def test_this_host_has_an_engine(capsys: Capture) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].startswith("--engine auto for spt guests: ")


@pytest.mark.parametrize(
    ("words", "status"),
    [(["--help"], 0), (["me"], ReplayStatus.USAGE), (["--json", "me"], ReplayStatus.USAGE)],
)
def test_usage(capsys: Capture, words: list[str], status: int) -> None:
    assert main(["doctor", *words]) == status
    assert capsys.readouterr().out.startswith("usage: solo5-replay doctor [--json]")


def test_what_works_needs_no_words() -> None:
    text = render([Finding("a tool", True, "use", "found", "nothing"), Finding("b", False, "use")])
    assert text == "a tool  yes  use\nb       no   use\n"


def test_long_words_are_wrapped_behind_their_label() -> None:
    lines = render([Finding("it", False, "use", "reason " * 20)]).splitlines()
    assert all(len(line) <= 80 for line in lines)
    label = lines[1].index("why: ") + len("why: ")
    assert all(line[:label].isspace() and line[label] == "r" for line in lines[2:])
    assert len(lines) == 4
