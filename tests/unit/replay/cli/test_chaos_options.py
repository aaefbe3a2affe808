from __future__ import annotations

import pytest

from replay.cli.chaos_options import ChaosOptions, chaos_text, header_options
from replay.cli.record_options import BadCommandLine, parse_command_line
from replay.devices import chaos as module
from replay.testing.source import ScriptedSource


def parse(*words: str) -> ChaosOptions:
    return parse_command_line([*words, "a.hvt", "--chaos"]).chaos


def test_none() -> None:
    assert parse() == ChaosOptions()
    assert parse().around(ScriptedSource(), 1) is None
    assert header_options(None) == {}


def test_all_or_some() -> None:
    assert parse("--chaos") == ChaosOptions(frozenset(module.FAMILIES))
    assert parse("--chaos=net,poll") == ChaosOptions(frozenset(("net", "poll")))
    assert parse("--chaos", "--chaos-seed", "7").seed == 7
    assert parse("--chaos=net", f"--chaos-seed={module.SEED_MAX}").seed == module.SEED_MAX


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--chaos=gravity"], "choose of clock,poll,net,block: 'gravity'"),
        (["--chaos-seed=3"], "--chaos-seed wants --chaos, too"),
        (["--chaos", "--chaos-seed=x"], "not a seed"),
        (["--chaos", "--chaos-seed=-1"], "not a seed"),
        (["--chaos", f"--chaos-seed={1 << 32}"], "not a seed"),
        (["--chaos", "--chaos-seed=" + "9" * 5000], "not a seed"),
    ],
)
def test_what_makes_no_sense(words: list[str], message: str) -> None:
    with pytest.raises(BadCommandLine, match=message):
        parse(*words)


def test_a_seed_is_drawn_for_each_run() -> None:
    options = parse("--chaos")
    seeds = {chaos.seed for _ in range(8) if (chaos := options.around(ScriptedSource(), 1))}
    assert len(seeds) > 1


def test_what_is_told() -> None:
    chaos = parse("--chaos=net,clock", "--chaos-seed=9").around(ScriptedSource(), 1)
    assert chaos is not None
    assert header_options(chaos) == {"chaos": "clock,net", "chaos_seed": 9}
    assert chaos_text(chaos) == "chaos: 0 faults (nothing); --chaos-seed=9"
    chaos.done.update({"frame lost": 2, "clock ahead": 1})
    assert chaos_text(chaos) == "chaos: 3 faults (clock ahead 1x, frame lost 2x); --chaos-seed=9"
