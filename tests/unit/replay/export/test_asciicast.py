from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitors.calls.block import BlockData, BlockRead
from monitors.calls.clock import MONOTONIC_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt
from monitors.calls.net import NetFrame, NetRead
from replay.cli.trace import main
from replay.export.asciicast import AsciicastExporter
from tests.unit.replay.export.captured import exported
from tests.unit.replay.made_traces import Crossing, MakeTrace, make_header
from tests.unit.replay.recordings import Recorder

Line = list[Any]


def reading(ns: int) -> Crossing:
    return MONOTONIC_CLOCK, ClockReading(ns)


def cast(make_trace: MakeTrace, *crossings: Crossing) -> tuple[dict[str, Any], list[Line], str]:
    given = {
        number: call.data
        for number, (call, _) in enumerate(crossings)
        if isinstance(call, ConsoleWrite)
    }
    data, summary = exported(make_trace(crossings), AsciicastExporter, given)
    header, *lines = [json.loads(line) for line in data.decode().splitlines()]
    return header, lines, summary


def prints(data: bytes) -> Crossing:
    return ConsoleWrite(data), DONE


def test_the_console_in_the_guests_time(make_trace: MakeTrace) -> None:
    header, lines, summary = cast(
        make_trace,
        reading(1_000_000_000),
        prints(b"one\n"),
        reading(1_500_001_999),
        prints(b"two\n"),
        reading(4_000_000_000),
        (Halt(-1), DONE),
    )
    assert header == {
        "version": 3,
        "term": {"cols": 80, "rows": 24},
        "timestamp": 1_700_000_000,
        "title": "app.hvt",
        "command": "app.hvt one two",
    }
    assert lines == [
        [0.0, "o", "one\r\n"],
        [0.500001, "o", "two\r\n"],
        [2.499999, "m", "event 5: exited with status 255"],
        [0.0, "x", "255"],
    ]
    assert summary == "8 bytes of console in 3.000000 s"


def test_characters_and_line_ends_that_come_in_pieces(make_trace: MakeTrace) -> None:
    pieces = (b"\xc3", b"\xa9\r", b"\nx\r", b"y", b"\n\n\xff\xc3")
    _, lines, _ = cast(make_trace, *map(prints, pieces), (Halt(0), DONE))
    assert [line[2] for line in lines if line[1] == "o"] == ["é", "\r\nx", "\ry", "\r\n\r\n�", "�"]


def test_a_refusal_is_marked_once(make_trace: MakeTrace) -> None:
    bad: Crossing = (BlockRead(1, 1 << 40, 512), BlockData(2, b""))
    worse: Crossing = (BlockRead(1, 0, 512), BlockData(3, b""))
    nothing: Crossing = (NetRead(2, 1514), NetFrame(1, b""))
    _, lines, _ = cast(make_trace, bad, bad, worse, nothing, worse)
    assert [line[1:] for line in lines] == [
        ["m", "event 0: BlockRead is EINVAL"],
        ["m", "event 2: BlockRead is EUNSPEC"],
        ["m", "event 4: BlockRead is EUNSPEC"],
    ]


def test_without_a_date(make_trace: MakeTrace) -> None:
    header = replace(make_header(command_line=b"\x1b[2J"), recorded_at_ns=None)
    data, _ = exported(make_trace([], header=header), AsciicastExporter)
    about = json.loads(data)
    assert "timestamp" not in about
    assert about["command"] == "app.hvt \\x1b[2J"


def test_a_recording(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record("hello", "Hello")
    path = tmp_path / "out.cast"
    assert main(["export", "asciicast", str(recording.path), "-o", str(path)]) == 0
    _, *lines = [json.loads(line) for line in path.read_text().splitlines()]
    text = "".join(line[2] for line in lines if line[1] == "o")
    assert "Hello" in text
    assert text.count("\n") == text.count("\r\n") > 0
    assert lines[-1][1] == "x"
    assert all(line[0] >= 0 for line in lines)
