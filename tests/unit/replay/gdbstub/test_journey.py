"""Ways through a recording, watched memory in single steps, and diversions that leave no trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.gdbstub.errors import Refused
from replay.gdbstub.journey import Journey
from replay.machine.position import Position
from replay.player.session import Changes
from replay.player.stops import Break, Direction, Wanted, Watch, Why
from replay.player.timeline import Timeline

FORWARD, BACKWARD = Direction.FORWARD, Direction.BACKWARD
NOTHING = Wanted()
HERE = Position(5, 10)
FREE = 0x180000
"""Memory that the guest does not use."""


def rip(journey: Journey) -> int:
    return journey.view.registers()["rip"]


def diverted(journey: Journey) -> bool:
    return journey.diverted


def first_write(journey: Journey) -> tuple[Position, int]:
    """A position before an instruction that writes below the stack pointer, and where."""
    journey.seek(HERE)
    while True:
        before = journey.stop.position
        rsp = journey.view.registers()["rsp"]
        content = journey.view.read(rsp - 8, 8)
        journey.step(FORWARD, NOTHING)
        if journey.view.read(rsp - 8, 8) != content:
            return before, rsp - 8


def test_there_and_back(journey: Journey) -> None:
    assert journey.seek(HERE).position == HERE
    assert journey.step(FORWARD, NOTHING).position == Position(5, 11)
    assert journey.step(BACKWARD, NOTHING).position == HERE
    assert journey.run(FORWARD, NOTHING).why is Why.END
    assert journey.run(BACKWARD, NOTHING).why is Why.START
    assert journey.stop.position == Position(0)


def test_breakpoints_stop(journey: Journey) -> None:
    journey.seek(HERE)
    point = Break(rip(journey))
    journey.seek(Position(0))
    stop = journey.run(FORWARD, Wanted(breaks=(point,)))
    assert stop.hit is point
    assert rip(journey) == point.address


def test_a_place_that_there_is_not(journey: Journey) -> None:
    journey.seek(HERE)
    with pytest.raises(Refused):
        journey.seek(Position(10**9))
    assert journey.seek(HERE).position == HERE


@pytest.mark.parametrize("access", [Access.WRITE, Access.READ_WRITE])
def test_a_step_stops_at_watched_memory_in_both_directions(
    journey: Journey, access: Access
) -> None:
    before, address = first_write(journey)
    watch = Watch(Watchpoint(address, 8, access))
    wanted = Wanted(watches=(watch,))
    journey.seek(before)
    stop = journey.step(FORWARD, wanted)
    assert (stop.why, stop.hit) == (Why.WATCH, watch)
    after = stop.position
    stop = journey.step(BACKWARD, wanted)
    assert (stop.why, stop.hit, stop.position) == (Why.WATCH, watch, before)
    assert after > before


def test_a_step_that_only_reads_stops_where_reads_are_watched(journey: Journey) -> None:
    _, address = first_write(journey)
    watch = Watch(Watchpoint(address, 8, Access.READ))
    behind = journey.run(FORWARD, Wanted(watches=(watch,))).position
    journey.step(BACKWARD, NOTHING)
    content = journey.view.read(address, 8)
    stop = journey.step(FORWARD, Wanted(watches=(watch,)))
    assert (stop.why, stop.hit, stop.position) == (Why.WATCH, watch, behind)
    assert journey.view.read(address, 8) == content
    stop = journey.step(BACKWARD, Wanted(watches=(watch,)))
    assert (stop.why, stop.hit) == (Why.WATCH, watch)


def test_the_last_write(journey: Journey) -> None:
    before, address = first_write(journey)
    journey.step(FORWARD, NOTHING)
    stop = journey.last_write(address, 8)
    assert stop is not None
    assert stop.position == before == journey.stop.position
    assert journey.last_write(0x40, 8) is None
    assert journey.stop.position == before


def test_what_is_written_is_on_a_diversion(
    journey: Journey, timeline: Timeline, said: list[str]
) -> None:
    journey.seek(HERE)
    registers = timeline.registers()
    journey.write(FREE, b"abc")
    assert diverted(journey)
    assert journey.view.read(FREE, 3) == b"abc"
    assert timeline.read(FREE, 3) == bytes(3)
    assert said == [
        "a diversion begins at 5+10: nothing of it reaches the recording; going back, seeking or "
        "detaching ends it"
    ]
    journey.step(FORWARD, NOTHING)
    journey.set_registers({"rax": 7})
    assert journey.view.registers()["rax"] == 7
    stop = journey.step(BACKWARD, NOTHING)
    assert not diverted(journey)
    assert (stop.position, journey.view.registers()) == (HERE, registers)
    assert len(said) == 1


def test_a_diversion_ends_by_seeking_and_running_back(journey: Journey) -> None:
    ways: list[Callable[[], object]] = [
        lambda: journey.seek(HERE),
        lambda: journey.run(BACKWARD, NOTHING),
        lambda: journey.last_write(0x40, 8),
    ]
    for leave in ways:
        journey.seek(HERE)
        journey.write(FREE, b"abc")
        leave()
        assert not diverted(journey)
        assert journey.stop.position == HERE
        assert journey.view.read(FREE, 3) == bytes(3)


def test_a_diversion_runs_to_its_own_end(journey: Journey) -> None:
    journey.seek(HERE)
    journey.write(FREE, b"abc")
    assert journey.run(FORWARD, NOTHING).why is Why.END
    assert diverted(journey)


def test_memory_that_there_is_not(journey: Journey) -> None:
    with pytest.raises(Refused):
        journey.write(1 << 40, b"a")
    with pytest.raises(Refused):
        journey.set_registers({"no such register": 1})


def test_a_call_of_a_function_is_taken_back_silently(
    journey: Journey, timeline: Timeline, said: list[str]
) -> None:
    """As gdb does it: a landing place on the stack, registers, the return address, and back."""
    journey.seek(HERE)
    before = dict(timeline.registers())
    landing, stack = before["rsp"] - 129, before["rsp"] - 200
    returning = Break(landing)
    journey.write(landing, b"\xcc")
    journey.set_registers({"rsp": stack})
    journey.write(stack, landing.to_bytes(8, "little"))
    journey.set_registers({"rip": before["rip"]})
    journey.write(before["rip"], b"\xc3")  # the function: it returns at once
    stop = journey.run(FORWARD, Wanted(breaks=(returning,)))
    assert (stop.why, rip(journey)) == (Why.BREAK, landing)
    assert diverted(journey)
    for name in ("rsp", "rip"):
        journey.set_registers({name: before[name]})
    assert not diverted(journey)
    assert journey.stop.position == HERE
    assert journey.view is timeline
    assert said == []


def test_a_call_that_was_prepared_and_not_made_leaves_nothing(
    journey: Journey, said: list[str]
) -> None:
    journey.seek(HERE)
    rsp = journey.view.registers()["rsp"]
    journey.write(rsp - 100, b"\xcc")
    assert not diverted(journey)
    assert journey.step(FORWARD, NOTHING).position == Position(5, 11)
    assert said == []


def test_a_changed_register_is_told_when_the_guest_runs_with_it(
    journey: Journey, said: list[str]
) -> None:
    journey.seek(HERE)
    journey.set_registers({"r15": 123})
    assert said == []
    journey.step(FORWARD, NOTHING)
    assert len(said) == 1
    assert diverted(journey)


def test_calls_that_a_client_announces(journey: Journey, said: list[str]) -> None:
    journey.seek(HERE)
    journey.begin_call()
    journey.begin_call()
    journey.write(FREE, b"abc")
    journey.end_call()
    assert diverted(journey)
    journey.end_call()
    assert not diverted(journey)
    assert said == []
    journey.end_call()
    journey.write(FREE, b"abc")
    journey.begin_call()
    journey.end_call()
    assert diverted(journey)


def test_an_interrupt_reaches_what_runs(journey: Journey) -> None:
    journey.seek(HERE)
    asked = Break(rip(journey) + 1, lambda _: True)

    def interrupting(_: object) -> bool:
        journey.interrupt()
        return False

    again = Break(rip(journey), interrupting)
    journey.seek(Position(0))
    stop = journey.run(FORWARD, Wanted(breaks=(again, asked)))
    assert stop.why in (Why.INTERRUPTED, Why.BREAK)
    assert stop.position < journey.timeline.end


def test_where_replay_and_recording_part_ways_there_is_no_way_on(timeline: Timeline) -> None:
    other = Timeline(timeline.trace, changes=Changes(command_line=b"something else"))
    try:
        journey = Journey(other, print)
        for _ in range(2):
            with pytest.raises(Refused, match="recorded ConsoleWrite"):
                journey.run(FORWARD, NOTHING)
            before = journey.stop.position
        assert journey.step(BACKWARD, NOTHING).position < before
        with pytest.raises(Refused):
            journey.run(FORWARD, NOTHING)
        assert journey.stop.position == before
    finally:
        other.close()


def test_the_origin_of_a_value(journey: Journey) -> None:
    journey.seek(HERE)
    found = journey.origin("$rsp")
    assert found.position == HERE
    assert found.steps[0].position < HERE
    assert (journey.stop.position, journey.timeline.position) == (HERE, HERE)
    for text in ("nothing", "$rflags", "u64[1 << 40]", "0x1000 65"):
        with pytest.raises(Refused):
            journey.origin(text)
    assert journey.timeline.position == HERE
    journey.write(FREE, b"a")
    with pytest.raises(Refused, match="diversion"):
        journey.origin("$rsp")


def test_an_interrupt_ends_the_search_for_an_origin(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that comes between two journeys."""
    journey.seek(HERE)
    go_back = journey.timeline.last_register_write

    def interrupted(*words: object, **named: object) -> object:
        journey.interrupt()
        return go_back(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(journey.timeline, "last_register_write", interrupted)
    assert journey.origin("$rsp").steps[-1].note == "interrupted"
    assert journey.timeline.position == HERE
