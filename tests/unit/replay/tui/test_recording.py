"""What is known of a whole recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player.errors import BadPlace
from replay.player.given_log import Chunk
from replay.player.notebook import BadNotebook, notebook_path
from replay.tui.model.rows import plain
from replay.tui.recording import Recording, Times, sighting
from tests.unit.replay.player.travelled import Journey
from tests.unit.replay.tui.conftest import BeingRecorded, growing_copy
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    POLLED,
    PRINTED,
    READ,
    SENT,
    break_block,
    clock,
    write,
)
from tests.unit.replay.tui.scanned import recorded, say, scanned
from traces.reader import Trace, open_trace

RUN = [clock(5), PRINTED, SENT, clock(1_000_005), READ, ARRIVED, POLLED]


def test_a_scan_finds_times_kinds_and_frames(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        assert recording.has_news()
        assert not recording.has_news()  # it was told
        assert recording.scanned == 1
        assert recording.caveat == ""
        assert recording.time_ns(0) == 0
        assert recording.time_ns(4) == recording.event_time_ns(3) == 1_000_000
        assert recording.time_ns(len(RUN)) is not None
        assert recording.time_ns(len(RUN) + 1) is None
        assert recording.event_time_ns(-1) is recording.event_time_ns(99) is None
        assert [recording.frames[n] for n in range(len(recording.frames))] == [2, 5]
        net = recording.events_named(frozenset({"NetRead", "NetWrite"}))
        assert [net[n] for n in range(len(net))] == [2, 5]
        assert len(recording.events_named(frozenset())) == len(RUN)


def test_before_the_scan_nothing_is_promised(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "app.mp", RUN)) as trace:
        recording = Recording(trace)
        assert recording.scanned == recording.surveyed == 0
        assert recording.caveat == " (of which 0% is scanned so far)"
        assert recording.time_ns(3) is None
        event = recording.event(1)
        assert event is not None
        assert event.call.name == "ConsoleWrite"
        assert recording.event(99) is None
        assert recording.verdict is None
        recording.close()


def test_an_event_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "app.mp", RUN, per_block=3)
    break_block(path, 1)
    with open_trace(path) as trace:
        recording = scanned(trace)
        assert recording.event(0) is not None
        assert recording.event(4) is None
        recording.close()


def test_what_the_guest_gave_is_whole_or_not_known(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        assert recording.given_bytes(1) is None
        say(recording, e1="hello\n")
        recording.given.add_given(Chunk([2, 4], [6, 9], [6, 2], b"answerxx"))
        assert recording.given_bytes(1) == b"hello\n"
        assert recording.given_bytes(2) == b"answer"
        assert recording.given_bytes(4) is None  # only its beginning was kept
        assert recording.given_bytes(3) is None
        assert recording.surveyed == 1


def test_places_and_marks(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        recording.change_notebook(lambda book: book.bookmarks.update(here=Position(3)))
        recording.change_notebook(lambda book: book.notes.update({Position(1): "a note"}))
        assert recording.place("here") == Position(3)
        assert recording.place("end") == Position(len(RUN))
        with pytest.raises(BadPlace):
            recording.place("there")
        assert recording.marks() == [Position(1), Position(3)]
        assert Recording(recording.trace).notebook == recording.notebook


def test_a_notebook_of_somebody_else_is_never_written(tmp_path: Path) -> None:
    path = notebook_path(tmp_path / "app.mp")
    path.write_text("a diary")
    with recorded(tmp_path, RUN) as recording:
        assert str(path) in recording.notebook_trouble
        with pytest.raises(BadNotebook):
            recording.change_notebook(lambda book: book.bookmarks.clear())
    assert path.read_text() == "a diary"


def test_the_title_says_what_it_is(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        title = recording.title()
        assert plain(title).startswith("app.mp · guest.hvt (hvt) · recorded on unicorn · ")
        assert recording.title() == title
    (tmp_path / "other").mkdir()
    with recorded(tmp_path / "other", RUN, finished=False) as recording:
        words = plain(recording.title())
        assert recording.was_incomplete
        assert all(plain((span,)) in words for span in recording.follower.title())


def test_times_are_of_two_kinds(tmp_path: Path) -> None:
    with recorded(tmp_path, RUN) as recording:
        kinds = [recording.times]
        for _ in range(2):
            recording.switch_time()
            kinds.append(recording.times)
        assert kinds == [Times.RELATIVE, Times.WALL, Times.RELATIVE]


def test_a_trace_without_events(tmp_path: Path) -> None:
    with recorded(tmp_path, []) as recording:
        assert recording.scanned == recording.surveyed == 1
        assert recording.time_ns(0) == 0
        assert plain(recording.title()).startswith("app.mp")
        assert recording.place("end") == Position(0)


@pytest.fixture
def growing(everything: Journey) -> Iterator[BeingRecorded]:
    with growing_copy(everything.path, blocks=1) as copy:
        yield copy


def grown(recording: Recording) -> None:
    """What has come is known, as after a beat."""
    written = recording.trace.being_written
    assert recording.trace.refresh()
    recording.follower.look(0.0, sighting(recording.trace, written=written))
    recording.grow()
    assert recording.scan()
    assert recording._scanner is not None
    recording._scanner.join()


def test_a_recording_that_grows_is_known_to_its_end(trace: Trace, growing: BeingRecorded) -> None:
    whole = scanned(trace)
    with open_trace(growing.path) as begun:
        recording = scanned(begun)
        while growing.left:
            growing.grow()
            grown(recording)
            assert recording.has_news()
            assert recording.scanned == 1
            assert recording.place("end") == Position(begun.event_count)
        assert list(recording.frames._events) == list(whole.frames._events)
        assert len(recording.frames) > 0
        assert recording.columns.end_ns == whole.columns.end_ns
        recording.close()
    whole.close()


def test_the_title_tells_how_it_grows(growing: BeingRecorded) -> None:
    with open_trace(growing.path) as trace:
        recording = scanned(trace)
        assert "● recording" in plain(recording.title())
        while growing.left:
            growing.grow()
            grown(recording)
        name, state, *_ = plain(recording.title()).split(" · ")
        assert (name, state) == (growing.path.name, "finished: the guest exited with status 7")
        recording.close()


def test_one_scan_at_a_time(trace: Trace) -> None:
    recording = Recording(trace)
    assert recording.scan()
    scanner = recording._scanner
    assert scanner is not None
    started = recording.scan()
    assert started != (recording._scanner is scanner)
    scanner.join()
    recording.close()
