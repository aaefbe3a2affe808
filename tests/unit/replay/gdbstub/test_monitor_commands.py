"""What can be typed behind ``monitor``."""

from __future__ import annotations

import pytest

from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_commands import MonitorCommands
from replay.machine.position import Position
from traces.events import Event


def describe(event: Event) -> str:
    return f"#{event.index} {event.call.name}"


@pytest.fixture
def commands(journey: Journey) -> MonitorCommands:
    return MonitorCommands(journey, describe)


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
        ("event x", "not a number: 'x'"),
        ("event 0x10000000000000000", "a number out of range: '0x10000000000000000'"),
        ("events 1-2", "not a range of events: '1-2' (write N, N..M, or N..)"),
        ("last-write 0 0", "a size is from 1 to 1048576 bytes"),
        ("delete checkpoint 1", "there is no checkpoint 1; `info checkpoints` lists them"),
        ("restart 1", "there is no checkpoint 1; `info checkpoints` lists them"),
        ("info checkpoints", "no checkpoints"),
        ("console", "the guest has printed nothing yet"),
        ("net", "no frames were sent or received"),
    ],
)
def test_plain_answers(commands: MonitorCommands, line: str, answer: str) -> None:
    assert commands.answer(line) == answer


def test_a_position_that_there_is_not_is_an_answer(commands: MonitorCommands) -> None:
    assert "position 10000 " in commands.answer("seek 10000")
    assert "not a position" in commands.answer("seek nowhere")


def test_seeking_and_when(commands: MonitorCommands, journey: Journey) -> None:
    assert commands.answer("seek 5+10").splitlines()[0] == "at 5+10"
    assert commands.answer("when") == f"5+10 of {journey.timeline.end}"
    journey.write(0x180000, b"a")
    assert commands.answer("when").endswith(", on a diversion that began there")
    assert commands.answer("restart").startswith("at 0\n")
    assert commands.answer("seek end").startswith(f"at {journey.timeline.end}\n")


def test_checkpoints(commands: MonitorCommands, journey: Journey) -> None:
    commands.answer("seek 5+10")
    assert commands.answer("checkpoint") == "checkpoint 1 at 5+10"
    commands.answer("seek 7")
    assert commands.answer("checkpoint") == "checkpoint 2 at 7"
    assert commands.answer("info checkpoints") == "   1 at 5+10\n   2 at 7"
    assert commands.answer("restart 1").startswith("at 5+10\n")
    assert commands.answer("seek c2").startswith("at 7\n")
    assert commands.answer("delete checkpoint 1") == "checkpoint 1 is forgotten"
    assert commands.answer("info checkpoints") == "   2 at 7"


def test_events_show_where_the_guest_is(commands: MonitorCommands) -> None:
    commands.answer("seek 8")
    lines = commands.answer("events").splitlines()
    assert [line[:5].split("#")[0] for line in lines].count("=> ") == 1
    assert lines[5].startswith("=> #8 ")
    assert len(lines) == 10
    assert commands.answer("events 3..5").splitlines() == [
        commands.answer(f"event {number}") for number in (3, 4, 5)
    ]
    assert commands.answer("events 16..").splitlines()[-1].startswith("   #17 Halt")
    assert commands.answer("event 99") == "the recording has events 0 to 17"


def test_many_events_are_cut(commands: MonitorCommands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.gdbstub.monitor_commands._EVENTS_MAX", 4)
    lines = commands.answer("events 0..17").splitlines()
    assert len(lines) == 5
    assert lines[-1] == "… no more than 4 at a time"


def test_the_console_is_as_it_was_and_harmless(
    commands: MonitorCommands, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.answer("seek end")
    assert "Solo5 standalone test_hello" in commands.answer("console")
    monkeypatch.setattr(journey.timeline, "console", lambda: b"a\x1b[31m\n\xff")
    assert commands.answer("console") == "a\\x1b[31m\n\ufffd"


def test_statistics(commands: MonitorCommands) -> None:
    commands.answer("seek end")
    lines = commands.answer("stats").splitlines()
    assert lines[0] == "18 of 18; the first 18 events:"
    assert "         1 Halt" in lines
    assert lines[-1].endswith("states are kept to go back to")


def test_the_last_write(commands: MonitorCommands, journey: Journey) -> None:
    commands.answer("seek end")
    rsp = journey.view.registers()["rsp"]
    answer = commands.answer(f"last-write {rsp:#x} 8")
    assert answer.startswith("at ")
    assert Position(0) < journey.stop.position < journey.timeline.end
    assert commands.answer("last-write 64 8") == "nothing was written to 0x40 before here"
