"""What a survey finds, without a process of its own: compared with what the guest really gave."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.block import BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.net import NetWrite
from replay.engines.choice import AUTO, why_unusable
from replay.engines.registry import COUNTING_ENGINE
from replay.player import survey_process
from replay.player.given_log import Given, GivenLog
from replay.player.survey_process import ConsoleSplitter, Sender, Watcher, survey
from replay.player.survey_wire import (
    ConsoleSeen,
    GivenSeen,
    MessageReader,
    Reached,
    Request,
)
from replay.player.verdict import CannotReplay, Diverged, Faithful, Incomplete, Verdict
from tests.unit.replay.growing import Growing
from tests.unit.replay.player.travelled import SECRET, Journey
from tests.unit.replay.recordings import Recorder, new_engine
from traces.locking import lock_as_writer
from traces.reader import open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"


class Listener:
    """The other end of a sender's pipe."""

    def __init__(self) -> None:
        self.log = GivenLog()
        self.verdict: object = None
        self._read, write = os.pipe()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.sender = Sender(write)
        self._write = write

    def _listen(self) -> None:
        reader = MessageReader()
        while data := os.read(self._read, 1 << 16):
            for message in reader.feed(data):
                match message:
                    case ConsoleSeen(chunk):
                        self.log.add_console(chunk)
                    case GivenSeen(chunk):
                        self.log.add_given(chunk)
                    case Reached(event):
                        self.log.complete_until = event
                    case _:
                        self.verdict = message

    def finish(self, verdict: Verdict) -> None:
        self.sender.finish(verdict)
        os.close(self._write)
        self._thread.join()
        os.close(self._read)


def surveyed(request: Request) -> tuple[GivenLog, Verdict]:
    listener = Listener()
    verdict = survey(request, listener.sender)
    listener.finish(verdict)
    assert listener.verdict == verdict
    return listener.log, verdict


class Noted:
    """All that a guest gave, by event."""

    def __init__(self, path: Path) -> None:
        from replay.player.session import ReplaySession

        self.console: list[tuple[int, bytes]] = []
        self.given: dict[int, bytes] = {}
        self.events = 0
        with open_trace(path) as trace:
            session = ReplaySession(trace, new_engine(), observers=lambda _: (self,))
            session.run()
            session.close()

    def crossed(self, index: int, call: Call, _result: Result) -> None:
        self.events = index + 1
        if isinstance(call, ConsoleWrite) and call.data:
            self.console.append((index, call.data))
        if isinstance(call, NetWrite | BlockWrite):
            self.given[index] = call.data


def check(log: GivenLog, noted: Noted) -> None:
    assert list(log.console.entries(noted.events)) == noted.console
    for event in range(noted.events):
        data = noted.given.get(event)
        assert log.given(event) == (None if data is None else Given(data, len(data)))
    assert log.complete_until == noted.events


@pytest.mark.parametrize("engine", [COUNTING_ENGINE, "native"])
def test_everything_given_is_found(journey: Journey, engine: str) -> None:
    if engine != COUNTING_ENGINE and (problem := why_unusable(engine)) is not None:
        pytest.skip(str(problem))
    noted = Noted(journey.path)
    assert noted.console
    assert len(noted.given) >= 2
    log, verdict = surveyed(Request(str(journey.path), engine))
    assert verdict == Faithful(noted.events, 1, 7)
    check(log, noted)


@pytest.mark.slow
def test_a_megabyte_of_console(recorder: Recorder) -> None:
    path = recorder.record("output").path
    log, verdict = surveyed(Request(str(path), AUTO))
    assert isinstance(verdict, Faithful)
    check(log, Noted(path))


def test_an_incomplete_trace(journey: Journey) -> None:
    growing = Growing(journey.path, per_block=5, blocks=3)
    growing.path.write_bytes(growing.path.read_bytes() + b"\x96\xa1E")
    log, verdict = surveyed(Request(str(growing.path), AUTO))
    assert isinstance(verdict, Incomplete)
    assert (verdict.events, log.complete_until) == (15, 15)
    assert "killed" in verdict.why


def test_a_trace_that_grows_is_followed(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    growing = Growing(journey.path, per_block=4, blocks=1)
    noted = Noted(journey.path)

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout == survey_process._LOOK_AGAIN_S:
                growing.grow(5 if growing.left > 1 else 0)
                return False
            return super().wait(timeout)

    monkeypatch.setattr(survey_process, "_LOOK_AGAIN_S", 0.123)
    monkeypatch.setattr(survey_process.threading, "Event", Waiting)
    log, verdict = surveyed(Request(str(growing.path), COUNTING_ENGINE, follow=True))
    assert isinstance(verdict, Faithful)
    check(log, noted)


def test_it_does_not_wait_for_a_recorder_that_has_gone(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = Growing(journey.path, per_block=7, blocks=1)
    writer = os.open(growing.path, os.O_WRONLY)
    lock_as_writer(writer)

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout == survey_process._LOOK_AGAIN_S:
                if growing.left > 1:
                    growing.grow()
                else:
                    os.close(writer)
                return False
            return super().wait(timeout)

    monkeypatch.setattr(survey_process, "_LOOK_AGAIN_S", 0.123)
    monkeypatch.setattr(survey_process.threading, "Event", Waiting)
    log, verdict = surveyed(Request(str(growing.path), COUNTING_ENGINE, follow=True))
    with open_trace(growing.path) as trace:
        assert not trace.complete
        assert isinstance(verdict, Incomplete)
        assert (verdict.events, verdict.why) == (trace.event_count, "the recorder was killed")
        assert log.complete_until == trace.event_count


def test_another_guest_diverges(journey: Journey) -> None:
    changed = journey.guest.replace(SECRET.to_bytes(8, "little"), b"changed!")
    log, verdict = surveyed(Request(str(journey.path), AUTO, guest=changed))
    assert isinstance(verdict, Diverged)
    assert log.complete_until == verdict.event
    assert verdict.expected != verdict.actual


def test_damage_inside(recorder: Recorder) -> None:
    growing = Growing(recorder.record("hello").path, per_block=3, blocks=3)
    data = bytearray(growing.path.read_bytes())
    at = data.index(b"\x96\xa1E", data.index(b"\x96\xa1E") + 1)
    data[at + 20] ^= 1
    growing.path.write_bytes(data)
    _, verdict = surveyed(Request(str(growing.path), AUTO))
    assert isinstance(verdict, Incomplete)
    assert (verdict.events, "damaged" in verdict.why) == (3, True)


@pytest.mark.parametrize("name", ["example-1.0.mp", "nothing.mp", "README.md"])
def test_what_cannot_be_replayed(name: str) -> None:
    _, verdict = surveyed(Request(str(CORPUS / name), AUTO))
    assert isinstance(verdict, CannotReplay)
    assert verdict.why


class Told:
    """A sender that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, bytes]] = []

    def printed(self, event: int, length: int, data: bytes) -> None:
        self.told.append((event, length, data))

    given = printed

    def reached(self, event: int) -> None:
        pass


def test_text_in_any_pieces_belongs_to_its_events(recorder: Recorder) -> None:
    path = recorder.record("hello").path
    noted = Noted(path)
    text = b"".join(data for _, data in noted.console)
    told = Told()
    with open_trace(path) as trace:
        splitter = ConsoleSplitter(trace, told)  # type: ignore[arg-type]
        for at in range(0, len(text), 7):
            splitter.write(text[at : at + 7])
        splitter.write(b"and what no event has printed")
    assert told.told == [(event, len(data), data) for event, data in noted.console]


def test_very_long_frames_and_blocks_are_cut(journey: Journey) -> None:
    told = Told()
    with open_trace(journey.path) as trace:
        watcher = Watcher(trace, told)  # type: ignore[arg-type]
        first = watcher.due
        watcher.crossed(first, NetWrite(1, bytes(5000)), None)  # type: ignore[arg-type]
        assert watcher.due > first
        watcher.crossed(first + 1, BlockWrite(1, 0, bytes(5000)), None)  # type: ignore[arg-type]
    assert [(length, len(data)) for _, length, data in told.told] == [(5000, 2048), (5000, 512)]
