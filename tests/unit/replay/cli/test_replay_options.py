"""The command line of solo5-replay: what goes together, and what does not."""

from __future__ import annotations

import pytest

from replay.cli.replay_options import check_sense, make_parser
from replay.machine.position import Position


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "/"], "--source wants --tui, too"),
        (["--follow"], "--follow wants --tui, too"),
        (["--gdb", "--follow"], "--follow wants --tui, too"),
        (["--tui", "--follow", "-e"], "not allowed with argument"),
        (["--gdb", "--source", "/"], "--source wants --tui, too"),
        (["--tui", "--source", "/no/such"], "there is no folder /no/such"),
        (["--tui", "--gdb"], "not allowed with"),
        (["--tui", "--web"], "not allowed with"),
        (["--tui", "--once"], "--once wants --gdb, too"),
        (["--tui", "--check"], "--tui goes with none of"),
        (["--web", "--until", "3"], "--web goes with none of"),
        (["--web", "0", "--core", "none"], "--web goes with none of"),
        (["--tui", "--timeout", "3"], "--tui goes with none of"),
        (["--tui", "--back-to", "main"], "--tui goes without --back-to"),
        (["--gdb", "--back-to", "main"], "--gdb goes without --back-to"),
        (["--back-to", "main", "--check"], "--back-to goes with neither"),
        (["--tui", "-e", "-g", "3"], "not allowed with"),
        (["--web", "65536"], "there is no port 65536"),
        (["--web", "0000000000001"], "there is no port"),
        (["--web", "x"], "there is no port x"),
        (["--tui", "-g", "main"], "not a position"),
    ],
)
def test_what_makes_no_sense(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = make_parser()
    with pytest.raises(SystemExit) as exit_:
        check_sense(parser, parser.parse_args(["a.mp", *words]))
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("front", ["--tui", "--web", "--gdb"])
def test_what_all_that_look_at_a_recording_take(front: str) -> None:
    parser = make_parser()
    words = [front, "-g", "3+4", "--checkpoint-memory", "9", "--keep-checkpoints", "--args", "x"]
    given = parser.parse_args(["a.mp", *words])
    check_sense(parser, given)
    assert given.goto == Position(3, 4)
    assert given.checkpoint_memory == 9
    assert given.keep_checkpoints
