from __future__ import annotations

import pytest

from replay.cli.export_options import FORMATS
from replay.cli.trace_options import trace_parser


@pytest.mark.parametrize("name", FORMATS)
def test_help_of_a_format(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        trace_parser().parse_args(["export", name, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: solo5-trace export {name} ")
    assert "examples:\n" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        trace_parser().parse_args(["export", "--help"])
    out = capsys.readouterr().out
    assert set(FORMATS) <= {line.split()[0] for line in out.splitlines() if line.startswith("    ")}


def test_endings_differ() -> None:
    assert len({each.ending for each in FORMATS.values()}) == len(FORMATS)


def test_a_replay_takes_another_guest() -> None:
    given = trace_parser().parse_args(["export", "pcapng", "a.mp", "--guest", "b.hvt"])
    assert (given.format, given.trace, given.guest, given.output) == (
        "pcapng",
        "a.mp",
        "b.hvt",
        None,
    )
    assert given.replay


@pytest.mark.parametrize(
    "words",
    [["a.mp"], ["nothing", "a.mp"], ["pcapng"], ["pcapng", "a.mp", "--no-replay", "--guest=x"]],
)
def test_what_makes_no_sense(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        trace_parser().parse_args(["export", *words])
    assert caught.value.code == 2
