from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field

import pytest

from replay.cli.progress import progress_bar, replay_with_progress
from replay.machine.ending import Ending, Halted, Reached, Stopped
from replay.machine.position import Position
from replay.player.session import Replayed


class Screen(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class FakeTrace:
    """As much of a trace as progress looks at."""

    event_count: int


@dataclass
class FakeSession:
    """Notes how far it is asked to run; ``stops_at`` is where somebody interrupts it."""

    trace: FakeTrace
    stops_at: int | None = None
    asked: list[Position | None] = field(default_factory=list)

    def run(self, until: Position | None = None) -> Replayed:
        self.asked.append(until)
        ending: Ending = Halted(0) if until is None else Reached()
        event = self.trace.event_count if until is None else until.event
        if self.stops_at is not None and event >= self.stops_at:
            return Replayed(Stopped(), Position(self.stops_at), 0)
        return Replayed(ending, Position(event), 0)


def run(session: FakeSession, until: Position | None = None, *, wanted: bool = True) -> Replayed:
    return replay_with_progress(session, until, wanted=wanted)  # type: ignore[arg-type]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    return screen


@pytest.mark.parametrize(("events", "wanted"), [(19_999, True), (10**6, False)])
def test_no_bar_for_short_replays_or_unwanted(
    monkeypatch: pytest.MonkeyPatch, events: int, wanted: bool
) -> None:
    screen = on_a_terminal(monkeypatch)
    session = FakeSession(FakeTrace(events))
    assert run(session, wanted=wanted).ending == Halted(0)
    assert session.asked == [None]
    assert screen.getvalue() == ""


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(FakeTrace(10**6))
    run(session)
    assert session.asked == [None]
    assert capsys.readouterr().err == ""


def test_a_bar_and_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_a_terminal(monkeypatch)
    session = FakeSession(FakeTrace(50_000))
    assert run(session).ending == Halted(0)
    assert session.asked[-1] is None
    assert all(step is not None and step.event < 50_000 for step in session.asked[:-1])
    assert "replaying" in screen.getvalue()


def test_a_position_is_not_overshot(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    session, until = FakeSession(FakeTrace(10**6)), Position(30_000, 5)
    assert run(session, until).ending == Reached()
    assert session.asked[-1] == until
    assert all(step is not None and step < until for step in session.asked[:-1])


def test_an_interruption_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    session = FakeSession(FakeTrace(10**6), stops_at=25_000)
    assert run(session) == Replayed(Stopped(), Position(25_000), 0)
    assert None not in session.asked


def test_a_bar_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_a_terminal(monkeypatch)
    with progress_bar("sampling", 10, wanted=False) as told:
        told(5)
    assert screen.getvalue() == ""
    with progress_bar("sampling", 10) as told:
        told(5)
    assert "sampling" in screen.getvalue()
