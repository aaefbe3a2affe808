from __future__ import annotations

from pathlib import Path

from replay.export.event_lines import EventLines
from replay.tui.model import event_reader
from replay.tui.model.event_reader import Broken, EventReader
from tests.unit.replay.tui.model.event_traces import (
    ARRIVED,
    POLLED,
    PRINTED,
    SENT,
    break_block,
    clock,
    reader_of,
    write,
)
from traces.columns import ALL_KINDS, kinds_named
from traces.events import Event
from traces.reader import open_trace

RUN = [POLLED, PRINTED, clock(10**9), ARRIVED, SENT]


def test_events_in_words(tmp_path: Path) -> None:
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader = reader_of(trace)
        lines = EventLines(trace.header)
        expected = [lines.line(event) for event in trace.events()]
        assert [str(reader.parts(n)) for n in (4, 0, 3, 1, 2)] == [
            expected[n] for n in (4, 0, 3, 1, 2)
        ]
        assert list(reader.another().texts(1, 9)) == list(enumerate(expected))[1:]
        assert list(reader.texts(0, 9, kinds_named(["Poll"]))) == [(0, expected[0])]


def test_what_the_guest_gave_is_shown_once_it_is_known(tmp_path: Path) -> None:
    given: dict[int, bytes] = {}
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader = reader_of(trace, given=given.get)
        assert "6 bytes" in str(reader.parts(1))
        given[1] = b"hello\n"
        given[0] = b"not of this event"
        assert r"'hello\n'" in str(reader.parts(1))
        assert list(reader.texts(1, 2)) == [(1, str(reader.parts(1)))]
        assert "not of" not in str(reader.parts(0))


class _Counting:
    """Lines that count how often they are asked for."""

    def __init__(self, lines: EventLines) -> None:
        self.lines = lines
        self.asked = 0

    def parts(self, event: Event, given: bytes | None = None) -> object:
        self.asked += 1
        return self.lines.parts(event, given)


def test_what_was_read_last_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(event_reader, "_KEPT_MAX", 3)
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        lines = _Counting(EventLines(trace.header))
        reader = EventReader(trace, reader_of(trace).columns, lines)  # type: ignore[arg-type]
        for _ in range(4):
            for n in (0, 1, 2):
                reader.parts(n)
        assert lines.asked == 3
        reader.parts(3)
        assert len(reader._kept) == 3
        reader.parts(0)
        assert lines.asked == 5


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp", RUN * 4, per_block=5)
    break_block(path, 1)
    with open_trace(path) as trace:
        reader = reader_of(trace)
        broken = reader.parts(7)
        assert isinstance(broken, Broken)
        assert str(broken).startswith("#7 cannot be read: ")
        assert "checksum" in broken.why
        assert not isinstance(reader.parts(12), Broken)
        texts = list(reader.texts(3, 12))
        assert [number for number, _ in texts] == [3, 4, 5, 10, 11]
        assert "cannot be read" in texts[2][1]


def test_kinds_whose_lines_cannot_have_a_text(tmp_path: Path) -> None:
    clocks = kinds_named(["WallClock", "MonotonicClock", "ReadTsc", "ReadTscp"])
    with open_trace(write(tmp_path / "a.mp", RUN)) as trace:
        reader = reader_of(trace)
        for text in ("", "#2", "0.5", "clock() = 1.", "#2 monotonicclock() = 1.000000000"):
            assert kinds_named(["MonotonicClock", "Poll"]) <= reader.kinds_with(text, ALL_KINDS)
        assert reader.kinds_with("aux", clocks) == kinds_named(["ReadTsc", "ReadTscp"])
        assert reader.kinds_with("service", ALL_KINDS) == ALL_KINDS - clocks
        assert reader.kinds_with("service", clocks) == frozenset()
