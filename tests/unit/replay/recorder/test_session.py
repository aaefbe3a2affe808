from __future__ import annotations

import threading
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.clock import WallClock
from monitors.calls.console import ConsoleWrite
from replay.engines.errors import NotReproducible
from replay.machine.ending import Halted, Misused, Stopped
from replay.machine.errors import DeviceFailure, WaitInterrupted
from replay.recorder.session import LIVE_PACE, REPRODUCIBLE_PACE, Pace
from replay.testing.source import ScriptedSource
from tests.unit.replay.recordings import Recorder, Recording
from traces.errors import TraceExists, TraceWriteError
from traces.reader import open_trace
from traces.summary import Outcome, Summary


class Raising(ScriptedSource):
    """A world that raises ``error`` when it is asked for ``kind``."""

    def __init__(self, kind: type[Call], error: Exception) -> None:
        super().__init__()
        self._kind = kind
        self._error = error

    def answer(self, call: Call) -> Result:
        if isinstance(call, self._kind):
            raise self._error
        return super().answer(call)


def summary_of(recording: Recording) -> Summary:
    with open_trace(recording.path) as trace:
        assert trace.layout.sealed
        assert trace.summary is not None
        return trace.summary


def test_a_guest_that_halts(recorder: Recorder) -> None:
    source = ScriptedSource()
    recording = recorder.record("exit", "300", source=source)
    assert recording.recorded.ending == Halted(300)
    assert recording.recorded.failure is recording.recorded.loss is None
    summary = summary_of(recording)
    assert (summary.outcome, summary.status) == (Outcome.HALTED, 300)
    assert summary.events == recording.recorded.events
    assert summary.console_bytes == len(source.console)


def test_the_last_state_has_a_digest(recorder: Recorder) -> None:
    recording = recorder.record("hello")
    with open_trace(recording.path) as trace:
        assert [digest.event for digest in trace.digests()] == [trace.event_count - 1]


def test_a_guest_that_breaks_a_rule(recorder: Recorder) -> None:
    recording = recorder.record("faults", "call0")
    ending = recording.recorded.ending
    assert isinstance(ending, Misused)
    summary = summary_of(recording)
    assert (summary.outcome, summary.status, summary.detail) == (
        Outcome.MISUSE,
        1,
        ending.detail,
    )


def test_a_device_that_fails(recorder: Recorder) -> None:
    failure = DeviceFailure("the disk is gone")
    recording = recorder.record("hello", source=Raising(ConsoleWrite, failure))
    assert recording.recorded.ending is None
    assert recording.recorded.failure is failure
    summary = summary_of(recording)
    assert (summary.outcome, summary.detail) == (Outcome.HOST_FAILURE, "the disk is gone")


def test_an_instruction_that_cannot_be_reproduced(recorder: Recorder) -> None:
    failure = NotReproducible(0x100000, "vaddps", "it is AVX", "build without it")
    recording = recorder.record("hello", source=Raising(ConsoleWrite, failure))
    assert recording.recorded.failure is failure
    assert summary_of(recording).outcome is Outcome.REFUSED


def test_an_operator_who_stops_a_wait(recorder: Recorder) -> None:
    source = Raising(ConsoleWrite, WaitInterrupted("now"))
    recording = recorder.record("hello", source=source)
    assert recording.recorded.ending == Stopped()
    assert summary_of(recording).outcome is Outcome.INTERRUPTED


def test_an_existing_file_is_never_touched(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "0.mp").write_text("precious")
    with pytest.raises(TraceExists):
        recorder.record("hello")
    assert (tmp_path / "0.mp").read_text() == "precious"


def test_equal_worlds_give_equal_files(recorder: Recorder) -> None:
    paths = [recorder.record("flaky", source=ScriptedSource(7)).path for _ in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    other = recorder.record("flaky", source=ScriptedSource(8)).path
    assert other.read_bytes() != paths[0].read_bytes()


def test_observers_see_the_crossings_of_a_recording(recorder: Recorder) -> None:
    indices: list[int] = []

    class Observer:
        def crossed(self, index: int, call: Call, result: Result) -> None:
            indices.append(index)

    recording = recorder.record("hello", observers=[Observer()])
    assert indices == list(range(recording.recorded.events))


def test_a_live_pace_stores_events_while_the_guest_runs(recorder: Recorder, tmp_path: Path) -> None:
    """The world waits at the first clock call until the file holds what came before."""
    stored = threading.Event()

    class Waiting(ScriptedSource):
        def answer(self, call: Call) -> Result:
            if isinstance(call, WallClock):
                for _ in range(2000):
                    with open_trace(tmp_path / "0.mp") as trace:
                        if trace.event_count:
                            stored.set()
                            break
                    stored.wait(0.005)
            return super().answer(call)

    recorder.record("flaky", source=Waiting(), pace=LIVE_PACE)
    assert stored.is_set()


def test_a_trace_that_ends_before_its_run(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host stores nothing any more; the guest is told nothing of it."""
    losses: list[TraceWriteError] = []
    pace = Pace(REPRODUCIBLE_PACE.flush_interval_s, REPRODUCIBLE_PACE.clock, losses.append)

    def full(*_: object) -> None:
        raise TraceWriteError("no space left")

    monkeypatch.setattr("traces.writer.TraceWriter.finish", full)
    recording = recorder.record("hello", pace=pace)
    assert recording.recorded.ending == Halted(0)
    assert recording.recorded.loss is losses[0]
    with open_trace(recording.path) as trace:
        assert not trace.complete
        assert trace.event_count == recording.recorded.events
