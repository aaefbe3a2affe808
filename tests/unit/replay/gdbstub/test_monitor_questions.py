"""Questions about the recording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.gdbstub.monitor_questions import Questions
from replay.machine.position import Position
from traces.events import Event

Ask = Callable[..., str]


def describe(event: Event) -> str:
    return f"#{event.index} {event.call.name}"


@pytest.fixture
def ask(journey: Journey) -> Ask:
    commands = {each.name: each for each in Questions(journey, describe).commands()}
    return lambda name, *words: commands[name].action(list(words))


def test_at_the_start_there_is_little(ask: Ask) -> None:
    assert ask("console") == "the guest has printed nothing yet"
    assert ask("net") == "no frames were sent or received"


def test_when(ask: Ask, journey: Journey) -> None:
    journey.seek(Position(5, 10))
    assert ask("when") == f"5+10 of {journey.timeline.end}"
    journey.write(0x180000, b"a")
    assert ask("when").endswith(", on a diversion that began there")


def test_events_show_where_the_guest_is(ask: Ask, journey: Journey) -> None:
    journey.seek(Position(8))
    lines = ask("events").splitlines()
    assert [line[:5].split("#")[0] for line in lines].count("=> ") == 1
    assert lines[5].startswith("=> #8 ")
    assert len(lines) == 10
    assert ask("events", "3..5").splitlines() == [ask("event", str(number)) for number in (3, 4, 5)]
    assert ask("events", "16..").splitlines()[-1].startswith("   #17 Halt")
    assert ask("event", "99") == "the recording has events 0 to 17"


@pytest.mark.parametrize("text", ["1-2", "x", "..4", "1..2..3"])
def test_what_is_no_range(ask: Ask, text: str) -> None:
    with pytest.raises(Refused):
        ask("events", text)


def test_many_events_are_cut(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.gdbstub.monitor_questions._EVENTS_MAX", 4)
    lines = ask("events", "0..17").splitlines()
    assert len(lines) == 5
    assert lines[-1] == "… no more than 4 at a time"


def test_the_console_is_as_it_was_and_harmless(
    ask: Ask, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.seek(journey.timeline.end)
    assert "Solo5 standalone test_hello" in ask("console")
    monkeypatch.setattr(journey.timeline, "console", lambda: b"a\x1b[31m\n\xff")
    assert ask("console") == "a\\x1b[31m\n\ufffd"


def test_statistics(ask: Ask, journey: Journey) -> None:
    journey.seek(journey.timeline.end)
    lines = ask("stats").splitlines()
    assert lines[0] == "18 of 18; the first 18 events:"
    assert "         1 Halt" in lines
    assert lines[-1].endswith("states are kept to go back to")


def test_why(ask: Ask, journey: Journey) -> None:
    journey.seek(Position(5, 10))
    stack = journey.view.registers()["rsp"]
    lines = ask("why", "$rsp").splitlines()
    assert lines[0] == f"$rsp = {stack:#018x}"
    assert " computed, by " in lines[1]
    place = f"{stack:#x} 8"
    assert ask("why", place).startswith(f"stack {stack:#x}, 8 bytes at {stack:#x} = 0x")
    with pytest.raises(Refused):
        ask("why", "nothing")
    assert journey.timeline.position == Position(5, 10)
