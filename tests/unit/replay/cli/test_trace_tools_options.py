from __future__ import annotations

import re
from argparse import Namespace

import pytest

from replay.cli.trace_options import trace_parser
from replay.cli.trace_tools_options import pattern_of


def parse(*words: str) -> Namespace:
    return trace_parser().parse_args(words)


def test_patterns() -> None:
    assert pattern_of(parse("grep", "a.c", "t.mp")) == re.compile("a.c")
    assert pattern_of(parse("grep", "-i", "a", "t.mp")).flags & re.IGNORECASE
    with pytest.raises(ValueError, match="not a regular expression"):
        pattern_of(parse("grep", "[", "t.mp"))


def test_families_may_be_repeated() -> None:
    given = parse("strip", "t.mp", "-o", "x", "--redact=net", "--redact", "block,net")
    assert frozenset().union(*given.redact) == {"net", "block"}


@pytest.mark.parametrize("command", ["cat", "grep", "extract", "strip", "pack", "unpack", "cut"])
def test_every_command_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(command, "--help")
    assert f"examples:\n  solo5-trace {command} " in capsys.readouterr().out


def test_numbers_of_events() -> None:
    with pytest.raises(SystemExit):
        parse("cat", "t.mp", "--from", "x")
