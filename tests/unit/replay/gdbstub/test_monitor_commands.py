"""What can be typed behind ``monitor``: every line is answered by text."""

from __future__ import annotations

import pytest

from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_commands import MonitorCommands


@pytest.fixture
def commands(journey: Journey) -> MonitorCommands:
    return MonitorCommands(journey, str)


def test_help_lists_every_command_and_explains_it(commands: MonitorCommands) -> None:
    lines = commands.answer("help").splitlines()
    assert lines == commands.answer("").splitlines()
    names = [line.removeprefix("monitor ").split("  ")[0].split(" [")[0] for line in lines]
    assert {"when", "console", "net", "stats", "info checkpoints"} <= set(names)
    assert commands.answer("help seek").startswith("monitor seek PLACE: go to")
    assert commands.answer("help delete checkpoint").startswith("monitor delete checkpoint N:")
    assert "there is no command 'nonsense'" in commands.answer("help nonsense")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("nonsense", "there is no command 'nonsense'; `monitor help` lists them"),
        ("seek", "usage: monitor seek PLACE"),
        ("when now", "usage: monitor when"),
        ("seek 5 6", "usage: monitor seek PLACE"),
        ("forward-to", "usage: monitor forward-to GOAL"),
        ("delete checkpoint 1", "there is no checkpoint 1; `info checkpoints` lists them"),
    ],
)
def test_what_cannot_be_done_is_told(commands: MonitorCommands, line: str, answer: str) -> None:
    assert commands.answer(line) == answer


def test_places_are_shared_by_all(commands: MonitorCommands) -> None:
    commands.answer("seek 5+10")
    commands.answer("checkpoint")
    assert str(commands.places.find("c1")) == "5+10"


def test_a_text_is_one_argument(commands: MonitorCommands) -> None:
    assert "at  or  in" not in commands.answer("forward-to  no such   function if $rax == 1")
    assert "no such function" in commands.answer("forward-to  no such   function")
