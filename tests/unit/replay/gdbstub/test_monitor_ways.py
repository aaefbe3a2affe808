"""Ways through the recording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_ways import Ways
from replay.machine.position import Position
from replay.player.errors import BadPlace, PlayerError
from replay.player.places import Places

Go = Callable[..., str]


@pytest.fixture
def places(journey: Journey) -> Places:
    return Places(journey.timeline.start, journey.timeline.end)


@pytest.fixture
def go(journey: Journey, places: Places) -> Go:
    commands = {each.name: each for each in Ways(journey, places).commands()}
    return lambda name, *words: commands[name].action(list(words)).splitlines()[0]


def test_to_places(go: Go, journey: Journey, places: Places) -> None:
    assert go("seek", "5+10") == "at 5+10"
    places.keep(journey.timeline.position)
    assert go("seek", "end") == "at 18"
    assert go("restart", "1") == "at 5+10"
    assert go("restart") == "at 0"
    assert go("restart", "c1") == "at 5+10"
    with pytest.raises(BadPlace):
        go("restart", "2")
    with pytest.raises(Refused):
        go("seek", "10000")


def test_to_the_last_write(go: Go, journey: Journey) -> None:
    go("seek", "end")
    rsp = journey.view.registers()["rsp"]
    assert go("last-write", hex(rsp), "8").startswith("at ")
    assert Position(0) < journey.stop.position < journey.timeline.end
    assert go("last-write", "64", "8") == "nothing was written to 0x40 before here"
    with pytest.raises(Refused):
        go("last-write", "64", "0")


def test_to_goals_in_both_directions(go: Go, journey: Journey) -> None:
    printed = go("forward-to", "console:SUCCESS")
    assert printed.startswith("at ")
    assert b"SUCCESS" in journey.timeline.console()
    assert go("forward-to", "call:halt") == "at 18"
    assert go("back-to", "console:SUCCESS") == printed
    assert go("forward-to", "5+10") == "at 5+10"
    function = go("forward-to", "solo5_exit")
    assert function == f"at {journey.stop.position}"
    go("seek", "end")
    assert go("back-to", "solo5_exit") == function


def test_what_does_not_occur_moves_nobody(go: Go, journey: Journey) -> None:
    go("seek", "5+10")
    assert go("forward-to", "console:nonsense") == "console:nonsense does not occur behind 5+10"
    assert go("back-to", "call:halt") == "call:halt does not occur before 5+10"
    assert journey.stop.position == Position(5, 10)


def test_what_is_no_goal(go: Go) -> None:
    for text in ("no_such_function", "call:nonsense", "console:"):
        with pytest.raises(PlayerError):
            go("forward-to", text)
