from __future__ import annotations

from pathlib import Path

import pytest

from replay.cli.attempt_options import VALUED_ATTEMPT_OPTIONS, AttemptOptions
from replay.cli.record_options import BadCommandLine, parse_command_line


def parse(*words: str) -> AttemptOptions:
    return parse_command_line([*words, "a.hvt", "--timeout", "of the guest"]).attempts


def test_none() -> None:
    assert parse() == AttemptOptions()
    assert not parse().judged


def test_all() -> None:
    words = ["--until-failure", "100", "--timeout", "2.5", "--status-json", "s.json"]
    assert parse(*words, "--self-check") == AttemptOptions(
        keep_good=False, runs=100, timeout_s=2.5, status_file=Path("s.json"), self_check=True
    )
    assert parse("--until-failure=3", "--keep=always") == AttemptOptions(keep_good=True, runs=3)
    assert parse("--keep", "on-failure") == AttemptOptions(keep_good=False)


@pytest.mark.parametrize(
    "words", [["--keep=on-failure"], ["--until-failure=1"], ["--status-json=s"], ["--self-check"]]
)
def test_what_is_done_behind_a_run(words: list[str]) -> None:
    assert parse(*words).judged


def test_a_time_limit_alone_is_a_matter_of_the_run() -> None:
    assert not parse("--timeout=3").judged


def test_values_in_words_of_their_own_are_known() -> None:
    assert set(VALUED_ATTEMPT_OPTIONS) == {
        "--keep",
        "--until-failure",
        "--timeout",
        "--status-json",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--until-failure=0"], "not a number of runs: '0'"),
        (["--until-failure=x"], "not a number of runs: 'x'"),
        (["--until-failure=" + "9" * 5000], "not a number of runs"),
        (["--timeout=0"], "not a number of seconds: '0'"),
        (["--timeout=nan"], "not a number of seconds: 'nan'"),
        (["--timeout=x"], "not a number of seconds: 'x'"),
        (["--status-json=/"], "/ is a folder, or in one that is not there"),
        (["--status-json=/no/such"], "/no/such is a folder"),
        (["--keep=never"], "invalid choice"),
        (["--gdb", "--until-failure=3"], "go without --gdb and --tui"),
        (["--tui", "--keep=on-failure"], "go without --gdb and --tui"),
        (["-o", "x.mp", "--until-failure=3", "--keep=always"], "goes without -o"),
    ],
)
def test_what_makes_no_sense(words: list[str], message: str) -> None:
    with pytest.raises(BadCommandLine, match=message):
        parse(*words)
