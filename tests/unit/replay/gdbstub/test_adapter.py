"""A timeline as a target: every method does what the stub expects of it."""

from __future__ import annotations

import pytest

from replay.gdbstub.adapter import TimelineTarget
from replay.gdbstub.errors import Refused
from replay.gdbstub.stub import Stub
from replay.gdbstub.target import CallsFunctions, Reverses
from replay.machine.position import Position
from replay.player.stops import Wanted, Why
from replay.player.timeline import Timeline

NOTHING = Wanted()


@pytest.fixture
def target(timeline: Timeline) -> TimelineTarget:
    return TimelineTarget(timeline, lambda _: None)


def test_it_has_all_abilities(target: TimelineTarget) -> None:
    assert isinstance(target, Reverses)
    assert isinstance(target, CallsFunctions)


def test_what_it_knows_of_the_guest(target: TimelineTarget, timeline: Timeline) -> None:
    assert target.guest_name == "hello.hvt"
    assert target.memory_bytes == timeline.trace.header.machine.mem_size
    assert (target.guest_file() or b"").startswith(b"\x7fELF")


def test_ways(target: TimelineTarget) -> None:
    assert target.here().why is Why.START
    assert target.start_over(("5+10",)).position == Position(5, 10)
    rip = target.registers()["rip"]
    assert target.read(rip, 1)
    assert target.step(NOTHING).position == Position(5, 11)
    assert target.step_range(rip, rip, NOTHING).position == Position(5, 12)
    assert target.step_back(NOTHING).position == Position(5, 11)
    assert target.run(NOTHING).why is Why.END
    assert target.run_back(NOTHING).why is Why.START
    assert target.start_over(()).position == Position(0)
    with pytest.raises(Refused):
        target.start_over(("nowhere",))
    target.interrupt()
    assert target.step(NOTHING).why is Why.REACHED


def test_changes_do_not_outlive_the_client(target: TimelineTarget) -> None:
    target.start_over(("5",))
    target.write(0x180000, b"abc")
    target.set_registers({"rax": 1})
    assert target.read(0x180000, 3) == b"abc"
    target.detach()
    assert target.read(0x180000, 3) == bytes(3)
    target.begin_call()
    target.write(0x180000, b"abc")
    target.end_call()
    assert target.read(0x180000, 3) == bytes(3)


def test_commands(target: TimelineTarget) -> None:
    assert target.command("when").startswith("0 of ")


def test_through_the_stub(target: TimelineTarget) -> None:
    stub = Stub(target)
    (stop,) = stub.answer(b"vCont;c")
    assert b"replaylog:end" in stop
    (stop,) = stub.answer(b"bc")
    assert b"replaylog:begin" in stop


def test_without_anybody_to_tell_at_once_the_client_is_told(timeline: Timeline) -> None:
    target = TimelineTarget(timeline)
    stub = Stub(target)
    assert stub.answer(b"X180000,1:a") == [b"OK"]
    notice, stop = stub.answer(b"vCont;s")
    assert b"a diversion begins at 0" in bytes.fromhex(notice[1:].decode())
    assert stop.startswith(b"T05")
    assert len(stub.answer(b"vCont;s")) == 1
    target.detach()
