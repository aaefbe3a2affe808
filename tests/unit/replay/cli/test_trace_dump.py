from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.cli.trace_dump import EventPrinter, Selection, dump
from tests.unit.replay.made_traces import EVERY_KIND, MakeTrace
from traces.errors import DamagedTrace
from traces.reader import open_trace

Capture = pytest.CaptureFixture[str]

ALL = Selection()


def dumped(
    path: Path,
    capsys: Capture,
    selection: Selection = ALL,
    *,
    hex_dump: bool = False,
    as_json: bool = False,
) -> list[str]:
    with open_trace(path) as trace:
        printer = EventPrinter(trace.header, hex_dump=hex_dump, as_json=as_json)
        dump(trace, selection, printer)
    return capsys.readouterr().out.splitlines()


def numbers(lines: list[str]) -> list[int]:
    return [int(line.split()[0][1:]) for line in lines]


def test_all_events(make_trace: MakeTrace, capsys: Capture) -> None:
    assert numbers(dumped(make_trace(), capsys)) == list(range(len(EVERY_KIND)))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(first=16), [16, 17, 18]),
        (Selection(end=2), [0, 1]),
        (Selection(first=5, end=7), [5, 6]),
        (Selection(first=7, end=5), []),
        (Selection(first=10**19), []),
        (Selection(end=10**19, first=18), [18]),
        (Selection(names=frozenset(("WallClock", "Halt"))), [0, 15, 18]),
        (Selection(first=1, names=frozenset(("WallClock",))), [15]),
    ],
)
def test_a_part(
    make_trace: MakeTrace, capsys: Capture, selection: Selection, expected: list[int]
) -> None:
    assert numbers(dumped(make_trace(), capsys, selection)) == expected


def test_hexadecimal_bytes_follow_their_event(make_trace: MakeTrace, capsys: Capture) -> None:
    lines = dumped(make_trace(), capsys, Selection(first=10, end=12), hex_dump=True)
    assert lines[0].startswith("#10 NetRead")
    assert lines[1] == "    Ethernet cut off after 12 bytes"
    assert lines[2].startswith("    000000  61 1b 5b 33 31 6d")
    assert lines[3].startswith("#11 NetRead")


def test_json_lines(make_trace: MakeTrace, capsys: Capture) -> None:
    events = [json.loads(line) for line in dumped(make_trace(), capsys, as_json=True)]
    assert [event["event"] for event in events] == list(range(len(EVERY_KIND)))


def test_nothing_untrusted_reaches_the_terminal(make_trace: MakeTrace, capsys: Capture) -> None:
    for as_json in (False, True):
        text = "\n".join(dumped(make_trace(), capsys, as_json=as_json))
        assert "\x1b" not in text


def test_what_stands_before_damage_is_shown(
    make_trace: MakeTrace, damage: Callable[[Path, bytes], Path], capsys: Capture
) -> None:
    path = damage(make_trace(per_block=4), b"\x96\xa1E\x08\x04")
    with pytest.raises(DamagedTrace):
        dumped(path, capsys)
    assert numbers(capsys.readouterr().out.splitlines()) == list(range(8))


def test_many_events_are_all_printed(make_trace: MakeTrace, capsys: Capture) -> None:
    path = make_trace([(WALL_CLOCK, ClockReading(n)) for n in range(1000)], per_block=333)
    assert numbers(dumped(path, capsys)) == list(range(1000))


def test_a_terminal_sees_each_event_at_once(
    make_trace: MakeTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with open_trace(make_trace()) as trace:
        first = next(trace.events())
        for output, shown in ((Terminal(), True), (io.StringIO(), False)):
            monkeypatch.setattr(sys, "stdout", output)
            printer = EventPrinter(trace.header, hex_dump=False, as_json=False)
            printer.show(first)
            assert bool(output.getvalue()) is shown
            printer.flush()
            assert ("\x1b[36mWallClock\x1b[0m" in output.getvalue()) is shown
