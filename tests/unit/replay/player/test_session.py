from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.lifecycle import DONE
from monitors.errors import GuestRefused
from replay.machine.ending import Halted, Misused, Reached, Stopped
from replay.machine.errors import DeviceFailure
from replay.machine.machine import Machine
from replay.machine.ports import Observer
from replay.machine.position import Position
from replay.player.errors import BadPosition, Divergence, GuestNeeded
from replay.player.session import Changes, ReplaySession
from replay.player.source import ConsoleSink, Replaying
from replay.testing.source import ScriptedSource
from tests.unit.replay.growing import Growing
from tests.unit.replay.recordings import Recorder, new_engine
from traces.errors import BadEvent
from traces.reader import open_trace


class Failing(ScriptedSource):
    """A world whose device fails at call number ``last``."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self._left = last

    def answer(self, call: Call) -> Result:
        if not self._left:
            raise DeviceFailure("out of order")
        self._left -= 1
        return super().answer(call)


@contextmanager
def session(
    path: Path, changes: Changes | None = None, console: ConsoleSink = len
) -> Iterator[ReplaySession]:
    with open_trace(path) as trace:
        replay = ReplaySession(trace, new_engine(), changes=changes, console=console)
        try:
            yield replay
        finally:
            replay.close()


def test_to_the_end_with_the_console(recorder: Recorder) -> None:
    recording = recorder.record("hello", "some", "words")
    console = bytearray()
    with session(recording.path, console=console.extend) as replay:
        assert replay.position == Position(0)
        assert replay.is_guests_own_ending
        replayed = replay.run()
    assert replayed.ending == recording.recorded.ending == Halted(0)
    assert replayed.position == Position(recording.recorded.events)
    assert replayed.digests_verified == 1
    assert b"Command line is: 'some words'\n" in console


def test_in_steps(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    with session(recording.path) as replay:
        for event in range(recording.recorded.events):
            replayed = replay.run(Position(event))
            assert (replayed.ending, replay.position) == (Reached(), Position(event))
        assert replay.run().ending == Halted(0)


def test_instructions_behind_an_event(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    with session(recording.path) as replay:
        assert replay.run(Position(3, 7)).ending == Reached()
        assert replay.position == Position(3, 7)


def test_a_session_goes_on_from_where_it_stands(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    with session(recording.path) as replay:
        replay.run(Position(4, 7))
        assert replay.run(Position(4, 30)).position == Position(4, 30)
        stepwise = replay.machine.engine.registers()
        assert replay.run(Position(6)).position == Position(6)
        with pytest.raises(BadPosition, match="4 is behind 6"):
            replay.run(Position(4))
    with session(recording.path) as replay:
        replay.run(Position(4, 30))
        assert replay.machine.engine.registers() == stepwise


def test_a_broken_rule_ends_a_replay_like_its_recording(recorder: Recorder) -> None:
    recording = recorder.record("faults", "call0")
    with session(recording.path) as replay:
        ending = replay.run().ending
    assert ending == recording.recorded.ending
    assert isinstance(ending, Misused)


@pytest.mark.parametrize(
    ("position", "words"),
    [(Position(1000), "the trace has"), (Position(3, 10**9), "the next event comes at 3[+]")],
)
def test_positions_that_do_not_exist(recorder: Recorder, position: Position, words: str) -> None:
    with (
        session(recorder.record("hello").path) as replay,
        pytest.raises(BadPosition, match=words),
    ):
        replay.run(position)


def test_other_arguments_diverge_where_they_show(recorder: Recorder) -> None:
    recording = recorder.record("hello", "one")
    with session(recording.path, Changes(command_line=b"two")) as replay:
        with pytest.raises(Divergence) as caught:
            replay.run()
        assert replay.position == caught.value.position
        assert b"two" in getattr(replay.pending, "data", b"")


def test_a_guest_that_is_not_embedded_must_be_given(recorder: Recorder) -> None:
    recording = recorder.record("hello", embed=False)
    with open_trace(recording.path) as trace:
        with pytest.raises(GuestNeeded, match=r"hello\.hvt; give its file"):
            ReplaySession(trace, new_engine())
        with pytest.raises(GuestRefused):
            ReplaySession(trace, new_engine(), changes=Changes(guest=b"no ELF"))
    with session(recording.path, Changes(guest=recorder.guest("hello"))) as replay:
        assert replay.run().ending == Halted(0)


def test_a_recording_that_was_cut_short_is_reached_to_its_end(recorder: Recorder) -> None:
    recording = recorder.record("hello", source=Failing(5))
    assert recording.recorded.ending is None
    with session(recording.path) as replay:
        assert not replay.is_guests_own_ending
        replayed = replay.run()
        assert (replayed.ending, replayed.position) == (Reached(), Position(5))


def test_a_halt_is_an_ending_even_where_the_trailer_is_missing(recorder: Recorder) -> None:
    path = recorder.record("exit", "7").path
    path.write_bytes(path.read_bytes()[:-60])
    with session(path) as replay:
        assert not replay.trace.complete
        assert replay.run().ending == Halted(7)


def test_a_replay_can_be_interrupted_and_goes_on(recorder: Recorder) -> None:
    with session(recorder.record("hello").path) as replay:
        replay.run(Position(5))
        replay.machine.engine.interrupt()
        assert replay.run().ending == Stopped()
        assert replay.run().ending == Halted(0)


def test_observers_see_every_crossing(recorder: Recorder) -> None:
    indices: list[int] = []

    class Counter:
        def crossed(self, index: int, call: Call, result: Result) -> None:
            indices.append(index)

    def observers(machine: Machine) -> list[Observer]:
        assert machine.plan.guest_name == "hello.hvt"
        return [Counter()]

    recording = recorder.record("hello")
    with open_trace(recording.path) as trace:
        replay = ReplaySession(trace, new_engine(), observers=observers)
        replay.run()
        replay.close()
    assert indices == list(range(recording.recorded.events))


def test_a_replayed_sleep_never_asks_the_host(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorder.record("time", "3600000")

    def forbidden(*_: object) -> None:
        raise AssertionError("a replay waits for the host or reads its clock")

    for name in ("select.select", "select.epoll", "time.sleep", "time.clock_gettime_ns"):
        monkeypatch.setattr(name, forbidden)
    console = bytearray()
    started = time.process_time()
    with session(recording.path, console=console.extend) as replay:
        assert replay.run().ending == Halted(0)
    assert time.process_time() - started < 60
    assert console.count(b"wanted 3600000000000 ns, slept 3600") == 5


def test_the_plan_is_that_of_the_header(recorder: Recorder) -> None:
    recording = recorder.record("hello", "x", changed={"mem_size": 8 << 20})
    with session(recording.path) as replay:
        assert replay.machine.plan == replace(recording.plan, attachments=())
        assert replay.machine.ram.size == 8 << 20


def test_an_answer_that_does_not_fit_its_call_is_the_traces_fault(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorder.record("time")
    monkeypatch.setattr(Replaying, "answer", lambda _self, _call: DONE)
    with session(recording.path) as replay, pytest.raises(BadEvent) as caught:
        replay.run()
    assert "Done for" in str(caught.value)
    assert caught.value.index == replay.position.event


def test_a_recording_that_still_grows_is_replayed_as_it_comes(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    events = recording.recorded.events
    growing = Growing(recording.path, per_block=3, blocks=1)
    with session(growing.path) as replay:
        assert not replay.extend()
        while growing.left:
            replayed = replay.run()
            assert (replayed.ending, replayed.position) == (
                Reached(),
                Position(replay.trace.event_count),
            )
            growing.grow()
            assert replay.extend()
        replayed = replay.run()
        assert (replayed.ending, replayed.position.event) == (Halted(0), events)
        assert replayed.digests_verified == 1
