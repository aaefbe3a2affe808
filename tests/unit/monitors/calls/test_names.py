from __future__ import annotations

import pytest

from monitors.calls import ALL_CALLS
from monitors.calls.names import FAMILIES, parse_call_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("WallClock", {"WallClock"}),
        ("wall-clock,net_read", {"WallClock", "NetRead"}),
        ("clock", {"WallClock", "MonotonicClock"}),
        ("net, HALT", {"NetRead", "NetWrite", "Halt"}),
        ("traps", {"ReadTsc", "ReadTscp", "RandomWord", "Cpuid"}),
        ("poll", {"Poll", "SetTimer", "WaitReady"}),
        ("set-timer", {"SetTimer"}),
        ("end,console,block", {"Halt", "Misuse", "ConsoleWrite", "BlockRead", "BlockWrite"}),
    ],
)
def test_names_of_calls_and_families(text: str, names: set[str]) -> None:
    assert parse_call_names(text) == names


@pytest.mark.parametrize("text", ["", "clocks", "WallClock,", "1"])
def test_unknown_names_are_told_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"families: clock, console.*calls: WallClock"):
        parse_call_names(text)


def test_every_call_can_be_named() -> None:
    for call in ALL_CALLS:
        assert parse_call_names(call.__name__) == {call.__name__}


def test_every_call_is_in_one_family() -> None:
    named = sorted(name for family in FAMILIES.values() for name in family)
    assert named == sorted(call.__name__ for call in ALL_CALLS)
