from __future__ import annotations

import threading

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.machine.ending import Halted, Misused
from replay.machine.position import Position
from replay.player.stops import Break, Wanted, Watch, Why
from tests.unit.replay.player.travelled import (
    BOX_BYTES,
    ON,
    SECTOR,
    TARGET,
    WORDS,
    Journey,
    travelling,
)


def test_what_is_done_in_it_stays_in_it(journey: Journey) -> None:
    here = journey.moments[200]
    with travelling(journey.path) as timeline:
        timeline.seek(here.position)
        registers = timeline.registers()
        diversion = timeline.divert()
        assert diversion.position == here.position
        assert diversion.registers() == registers
        assert diversion.read(journey.box, BOX_BYTES) == here.box
        assert diversion.write(journey.box - 2, b"changed")
        assert diversion.read(journey.box - 2, 7) == b"changed"
        assert not diversion.write(1 << 46, b"changed")
        assert not diversion.write(journey.box, b"x" * (1 << 26))
        diversion.set_register("rcx", 7)
        assert diversion.registers()["rcx"] == 7
        assert diversion.step(50).why is Why.REACHED
        diversion.close()
        assert timeline.registers() == registers
        assert timeline.read(journey.box, BOX_BYTES) == here.box
        timeline.seek(timeline.end)  # which compares everything with the recording
        assert timeline.run(ON, Wanted()).ending == Halted(7)


def test_it_goes_where_the_recording_went(journey: Journey) -> None:
    printed, told = bytearray(), bytearray()
    with travelling(journey.path, console=told.extend) as timeline:
        timeline.seek(journey.at("copied")[0])
        before = bytes(told)
        diversion = timeline.divert(printed.extend)
        for moment in journey.moments:
            if moment.position > timeline.position and moment.position.event == 16:
                diversion.step(1)
                assert diversion.position == moment.position
                assert diversion.registers()["rip"] == moment.rip
        stop = diversion.run(Wanted())
        assert (stop.why, stop.ending) == (Why.END, Halted(7))
        for again in (diversion.step(1), diversion.run(Wanted())):
            assert (again.why, again.ending) == (Why.END, Halted(7))
        diversion.close()
        assert b"first " in printed
        assert b"last" in printed
        assert told == before


def test_breakpoints_and_watched_memory(journey: Journey) -> None:
    storing = journey.at("storing")[0]
    at, never = Break(journey["storing"]), Break(journey["storing"], lambda _: False)
    word = Watchpoint(journey.box + WORDS + 7, 3, Access.WRITE)
    stored, unasked = Watch(word), Watch(word, lambda _: False)
    with travelling(journey.path) as timeline:
        timeline.seek(journey.at("copying")[0])
        diversion = timeline.divert()
        stop = diversion.run(Wanted((never, at), (unasked, stored)))
        assert (stop.why, stop.position, stop.hit) == (Why.BREAK, storing, at)
        stop = diversion.run(Wanted((never, at), (unasked, stored)))
        behind = Position(storing.event, storing.instructions + 1)
        assert (stop.why, stop.position, stop.hit) == (Why.WATCH, behind, stored)
        assert diversion.run(Wanted((never,), (unasked,))).why is Why.END
        diversion.close()


def test_writes_to_a_disk_are_its_own(journey: Journey) -> None:
    with travelling(journey.path) as timeline:
        timeline.seek(Position(18, 1))
        diversion = timeline.divert()
        second = diversion.run(Wanted(breaks=(Break(journey["disk"]),)))
        assert second.why is Why.BREAK
        assert diversion.read(journey.box + SECTOR, 1) == b"A"  # as the recording had written
        diversion.set_register("rsi", ord("Z"))
        watch = Watch(Watchpoint(journey.box + TARGET, 1, Access.READ_WRITE))
        diversion.run(Wanted(breaks=(Break(journey["tick"]),), watches=(watch,)))
        assert diversion.read(journey.box + SECTOR, 1) == b"Z"
        diversion.close()
        timeline.seek(Position(21, 1))
        assert timeline.read(journey.box + SECTOR, 1) == b"B"


@pytest.mark.parametrize(
    ("register", "value"), [("rip", 1 << 40), ("rsp", 0x10), ("rip", 8)], ids=str
)
def test_a_fault_ends_it(journey: Journey, register: str, value: int) -> None:
    with travelling(journey.path) as timeline:
        timeline.seek(journey.moments[50].position)
        diversion = timeline.divert()
        diversion.set_register(register, value)
        stop = diversion.run(Wanted())
        assert stop.why is Why.END
        assert isinstance(stop.ending, Halted | Misused)
        assert stop.ending.process_status
        diversion.close()
        timeline.seek(journey.moments[60].position)
        assert timeline.registers()["rip"] == journey.moments[60].rip


def test_an_interrupt_ends_a_loop(journey: Journey) -> None:
    with travelling(journey.path) as timeline:
        timeline.seek(journey.at("copied")[0])
        diversion = timeline.divert()
        assert diversion.write(journey["copied"], b"\xeb\xfe")  # jmp .
        done = threading.Event()

        def interrupt() -> None:
            while not done.wait(0.01):
                diversion.interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        stop = diversion.run(Wanted())
        done.set()
        thread.join()
        assert stop.why is Why.INTERRUPTED
        assert diversion.registers()["rip"] == journey["copied"]
        assert diversion.step(3).why is Why.REACHED
        diversion.close()
