from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import pytest

from replay.cli import export_events as module
from replay.cli.exit_codes import ReplayStatus
from replay.cli.export_events import changes_of, export_events, wants_bar
from traces.events import Event
from traces.reader import open_trace

DEVICES = Path(__file__).parents[4] / "traces/corpus/devices-1.0.mp"


class Seen:
    """An exporter that notes what it is shown."""

    summary = "seen"

    def __init__(self, *calls: str) -> None:
        self.calls = frozenset(calls)
        self.events: list[tuple[Event, bytes | None]] = []
        self.finished = False

    def take(self, event: Event, given: bytes | None) -> None:
        self.events.append((event, given))

    def finish(self) -> None:
        self.finished = True


def shown(monkeypatch: pytest.MonkeyPatch, exporter: Seen, *, replay: bool) -> Seen:
    monkeypatch.setattr(module, "_make", lambda *_: exporter)
    arguments = argparse.Namespace(format="any", guest=None, replay=replay, output=None)
    with open_trace(DEVICES) as trace:
        found = export_events(trace, arguments, len)
    assert found == (ReplayStatus.FAITHFUL, "seen")
    assert exporter.finished
    return exporter


@pytest.mark.parametrize("calls", [(), ("NetRead", "NetWrite"), ("Halt",)])
def test_a_replay_shows_what_the_trace_does(
    monkeypatch: pytest.MonkeyPatch, calls: tuple[str, ...]
) -> None:
    replayed = shown(monkeypatch, Seen(*calls), replay=True)
    read = shown(monkeypatch, Seen(*calls), replay=False)
    assert [event.index for event, _ in replayed.events] == [e.index for e, _ in read.events]
    assert [event.call for event, _ in replayed.events] == [e.call for e, _ in read.events]
    assert {event.call.name for event, _ in read.events} >= set(calls)
    assert all(given is None for _, given in read.events)


def test_a_replay_has_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = shown(monkeypatch, Seen("NetWrite", "ConsoleWrite"), replay=True).events
    assert all(given is not None for _, given in seen)
    assert {event.index: given for event, given in seen}[13] == b"every call\n"


def test_another_guest(tmp_path: Path) -> None:
    (tmp_path / "guest").write_bytes(b"elf")
    assert changes_of(argparse.Namespace(guest=str(tmp_path / "guest"))).guest == b"elf"
    assert changes_of(argparse.Namespace(guest=None)).guest is None


def test_a_bar_does_not_stand_in_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert wants_bar(argparse.Namespace(output="-")), "it goes to a pipe here"
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert not wants_bar(argparse.Namespace(output="-"))
    assert wants_bar(argparse.Namespace(output=None))
