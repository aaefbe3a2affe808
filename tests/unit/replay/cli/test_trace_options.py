from __future__ import annotations

import pytest

from replay.cli.trace_options import trace_parser

COMMANDS = (
    *("info", "dump", "stats", "verify", "salvage", "diff"),
    *("cat", "grep", "extract", "strip", "pack", "unpack", "cut", "export"),
)


def test_dump() -> None:
    given = trace_parser().parse_args(
        ["dump", "a.mp", "--type", "net,poll", "--type=Halt", "--from", "3", "--to=9", "--hex"]
    )
    assert (given.command, given.trace, given.first, given.end) == ("dump", "a.mp", 3, 9)
    wanted = {"NetRead", "NetWrite", "Poll", "SetTimer", "WaitReady", "Halt"}
    assert frozenset().union(*given.type) == wanted
    assert (given.hex, given.json, given.replay, given.guest) == (True, False, False, None)


def test_defaults_of_dump() -> None:
    given = trace_parser().parse_args(["dump", "a.mp"])
    assert (given.type, given.first, given.end, given.hex) == ([], 0, None, False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        trace_parser().parse_args([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: solo5-trace {command} ")
    assert "examples:\n" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        trace_parser().parse_args(["--help"])
    out = capsys.readouterr().out
    listed = out.partition("commands:\n")[2].partition("examples:\n")[0]
    assert [line.split()[0] for line in listed.splitlines() if line[4:5].strip()] == [
        "COMMAND",
        *COMMANDS,
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "COMMAND"),
        (["show", "a.mp"], "invalid choice"),
        (["dump"], "TRACE"),
        (["dump", "a.mp", "--type", "disk"], "no type 'disk'; families: clock"),
        (["dump", "a.mp", "--from", "-1"], "--from"),
        (["dump", "a.mp", "--to", "x"], "not the number of an event: 'x'"),
        (["dump", "a.mp", "--to", "1" * 21], "not the number of an event"),
        (["dump", "a.mp", "--to", "²"], "not the number of an event"),
        (["dump", "a.mp", "--hex", "--json"], "not allowed with"),
        (["dump", "a.mp", "--rep"], "unrecognized"),
        (["salvage", "a.mp"], "--output"),
        (["diff", "a.mp"], "TRACE"),
    ],
)
def test_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        trace_parser().parse_args(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
