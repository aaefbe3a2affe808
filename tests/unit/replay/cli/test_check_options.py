from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli.check_options import SERVICES, is_for_many
from replay.cli.replay_options import check_sense, make_parser


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.mp", "b.mp"], "several traces want --check, too"),
        (["/"], "several traces want --check, too"),
        (["a.mp", "--json"], "want --check, too"),
        (["a.mp", "-j", "2"], "want --check, too"),
        (["a.mp", "--junit", "r.xml"], "want --check, too"),
        (["a.mp", "--check", "--rebuild-ok"], "--rebuild-ok wants --guest, too"),
        (["a.mp", "b.mp", "--check", "--until", "3"], "are for one trace"),
        (["a.mp", "--check", "--json", "--core", "none"], "are for one trace"),
        (["a.mp", "--check", "-j", "0"], "not a number of jobs: '0'"),
        (["a.mp", "--check", "-j", "x"], "not a number of jobs: 'x'"),
        (["a.mp", "--check", "-j", "9" * 5000], "not a number of jobs"),
        (["a.mp", "--check", "--junit", "/"], "/ is a folder, or"),
        (["a.mp", "--check", "--junit", "/no/such"], "/no/such is a folder, or"),
    ],
)
def test_what_makes_no_sense(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = make_parser()
    with pytest.raises(SystemExit) as exit_:
        check_sense(parser, parser.parse_intermixed_args(words))
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def for_many(*words: str) -> bool:
    parser = make_parser()
    given = parser.parse_intermixed_args(words)
    check_sense(parser, given)
    return is_for_many(given)


def test_one_trace_is_replayed_in_this_process() -> None:
    assert not for_many("a.mp")
    assert not for_many("a.mp", "--check")
    assert not for_many("a.mp", "--check", "--until", "3")


def test_more_are_not(tmp_path: Path) -> None:
    assert for_many("a.mp", "--check", "b.mp")
    assert for_many("--check", str(tmp_path))
    for option in (["--json"], ["-j2"], ["--junit=r.xml"], ["--guest=g", "--rebuild-ok"]):
        assert for_many("--check", "a.mp", *option)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_of_one_trace_too(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(service, "true")
    assert for_many("a.mp", "--check")
    assert not for_many("a.mp")


def test_traces_may_stand_anywhere() -> None:
    given = make_parser().parse_intermixed_args(["a.mp", "--check", "b.mp", "-q", "c.mp"])
    assert given.traces == ["a.mp", "b.mp", "c.mp"]
    assert given.trace == "a.mp"
