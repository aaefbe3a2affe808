from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from replay.cli.trace_dump import EventPrinter, Selection, dump, parse_names
from tests.unit.replay.cli.broken import break_last_events
from traces.errors import DamagedTrace
from traces.reader import Trace, open_trace

CORPUS = Path(__file__).parents[4] / "traces/corpus"


def dumped(
    capsys: pytest.CaptureFixture[str],
    trace: Trace,
    selection: Selection,
    *,
    hex_dump: bool = False,
    as_json: bool = False,
) -> list[str]:
    dump(trace, selection, EventPrinter(trace.header, hex_dump=hex_dump, as_json=as_json))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("net", {"NetRead", "NetWrite"}),
        ("NetRead", {"NetRead"}),
        (" net-read , WALL_CLOCK", {"NetRead", "WallClock"}),
        ("clock,end", {"WallClock", "MonotonicClock", "Halt", "Misuse"}),
        ("poll", {"Poll"}),
        ("traps", {"ReadTsc", "ReadTscp", "RandomWord", "Cpuid"}),
        ("console,block", {"ConsoleWrite", "BlockRead", "BlockWrite"}),
    ],
)
def test_names_and_families(text: str, names: set[str]) -> None:
    assert parse_names(text) == names


@pytest.mark.parametrize("text", ["", "disk", "net,", "net;read"])
def test_unknown_names(text: str) -> None:
    with pytest.raises(ValueError, match="families: clock, console, block"):
        parse_names(text)


def test_selections() -> None:
    assert Selection().wants("Poll")
    assert Selection(names=frozenset(("Halt",))).wants("Halt")
    assert not Selection(names=frozenset(("Halt",))).wants("Poll")


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(), range(44)),
        (Selection(40), range(40, 44)),
        (Selection(26, 29), range(26, 29)),
        (Selection(0, 0), ()),
        (Selection(1000), ()),
        (Selection(20, 1000, frozenset(("BlockRead", "NetWrite"))), (26, 28, 29, 37)),
    ],
)
def test_which_events(
    capsys: pytest.CaptureFixture[str], selection: Selection, numbers: tuple[int, ...]
) -> None:
    with open_trace(CORPUS / "devices-1.0.mp") as trace:
        lines = dumped(capsys, trace, selection)
        data = dumped(capsys, trace, selection, as_json=True)
    assert [line.split()[0] for line in lines] == [f"#{number}" for number in numbers]
    assert [json.loads(line)["event"] for line in data] == list(numbers)


def test_hexadecimal_rows_follow_their_event(capsys: pytest.CaptureFixture[str]) -> None:
    with open_trace(CORPUS / "devices-1.0.mp") as trace:
        lines = dumped(capsys, trace, Selection(33, 36), hex_dump=True)
    heads = [line for line in lines if line.startswith("#")]
    assert len(heads) == 3
    assert lines[1] == heads[1]
    assert lines[2].startswith("    Ethernet ")
    assert lines[-1].startswith("    000030  ")


def test_events_before_damage_are_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "broken.mp"
    path.write_bytes((CORPUS / "devices-1.0.mp").read_bytes())
    first_lost = break_last_events(path)
    with open_trace(path) as trace:
        printer = EventPrinter(trace.header, hex_dump=False, as_json=False)
        with pytest.raises(DamagedTrace):
            dump(trace, Selection(), printer)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"#{number}" for number in range(first_lost)]


def test_a_terminal_sees_each_event_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with open_trace(CORPUS / "hello-1.0.mp") as trace:
        first = next(trace.events())
        for output, shown in ((Terminal(), True), (io.StringIO(), False)):
            monkeypatch.setattr(sys, "stdout", output)
            printer = EventPrinter(trace.header, hex_dump=False, as_json=False)
            printer.show(first)
            assert bool(output.getvalue()) is shown
            printer.flush()
            assert "ReadTsc" in output.getvalue()
