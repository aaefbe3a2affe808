from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from replay.export.json_lines import JsonLinesExporter
from tests.unit.replay.export.captured import exported
from tests.unit.replay.made_traces import EVERY_KIND, MakeTrace, make_header


def lines(make_trace: MakeTrace, **options: Any) -> list[dict[str, Any]]:
    data, _ = exported(make_trace(**options), JsonLinesExporter, {2: b"hello\n"})
    return [json.loads(line) for line in data.splitlines()]


def test_a_header_and_a_line_for_each_event(make_trace: MakeTrace) -> None:
    header, *events = lines(make_trace)
    assert (header["format"], header["version"]) == ("solo5-replay events", 1)
    assert header["date_from"] == "the guest's own readings of the wall clock"
    assert header["trace"]["guest"]["name"] == "app.hvt"
    assert header["trace"]["recorded_at_ns"] == "1700000000000000000"
    assert header["trace"]["boot"]["devices"][1]["mac"] == "0242ac110002"
    assert [event["event"] for event in events] == list(range(len(EVERY_KIND)))
    assert events[0] == {
        "time_ns": 0,
        "date_ns": "1700000000123456789",
        "event": 0,
        "call": "WallClock",
        "inputs": {},
        "result": {"ns": "1700000000123456789"},
    }


def test_large_numbers_are_text(make_trace: MakeTrace) -> None:
    _, *events = lines(make_trace)
    assert events[13]["result"] == {"value": str(2**63)}
    assert events[14]["inputs"] == {"leaf": 0x80000001, "subleaf": 0}
    edge = replace(make_header(), recorded_at_ns=2**53 - 1)
    assert lines(make_trace, header=edge)[0]["trace"]["recorded_at_ns"] == 2**53 - 1
    edge = replace(make_header(), recorded_at_ns=2**53)
    assert lines(make_trace, header=edge)[0]["trace"]["recorded_at_ns"] == str(2**53)


def test_bytes_are_hexadecimal(make_trace: MakeTrace) -> None:
    _, *events = lines(make_trace)
    assert events[2]["inputs"]["data"]["bytes"] == b"hello\n".hex()
    assert "bytes" not in events[5]["inputs"]["data"], "nobody knows them"
    assert events[10]["result"]["data"] == b"a\x1b[31mframe\xff".hex()
    assert exported(make_trace(), JsonLinesExporter)[1] == "19 events"
