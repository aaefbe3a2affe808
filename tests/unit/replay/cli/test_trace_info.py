from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.cli.trace_info import OUTCOMES, describe_end, info_json, info_text, tally
from tests.unit.replay.cli.broken import break_last_events, cut_before_summary
from traces.reader import open_trace
from traces.summary import Outcome, Summary

CORPUS = Path(__file__).parents[4] / "traces/corpus"
DEVICES = CORPUS / "devices-1.0.mp"


def text_of(path: Path) -> str:
    with open_trace(path) as trace:
        return info_text(trace, tally(trace))


def test_text() -> None:
    text = text_of(DEVICES)
    assert text.startswith(f"{DEVICES}: complete, 44 events, 10.1 KiB, format 1.0\n")
    for row in (
        "guest       devices.hvt, 25600 bytes, embedded",
        "target      hvt, ABI version 2",
        "memory      2.0 MiB",
        "devices     1 storage: block, 4.0 KiB in blocks of 512 bytes",
        "            2 service: net, ",
        "ended       the guest halted with status 17",
        "console     403 bytes",
        "                    13  ConsoleWrite",
    ):
        assert f"\n{row}" in text


def test_json_says_the_same() -> None:
    with open_trace(DEVICES) as trace:
        data = json.loads(info_json(trace, tally(trace)))
    assert data["complete"] is True
    assert data["events"]["count"] == 44
    assert data["events"]["by_call"]["ConsoleWrite"] == 13
    assert data["ended"]["outcome"] == "halted"
    assert data["header"]["guest"]["size"] == 25600
    assert data["file_bytes"] == DEVICES.stat().st_size


def test_events_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp"
    path.write_bytes(DEVICES.read_bytes())
    first_lost = break_last_events(path)
    with open_trace(path) as trace:
        counts = tally(trace)
        data = json.loads(info_json(trace, counts))
    assert counts.event_count == first_lost
    assert data["damage"] == str(counts.damage)
    text = text_of(path)
    assert f"DAMAGED, {first_lost} events" in text
    assert "\ndamage      " in text


def test_an_unfinished_trace(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp"
    path.write_bytes(DEVICES.read_bytes())
    cut_before_summary(path)
    text = text_of(path)
    assert ": incomplete, 44 events" in text
    assert "\nended       not known, the recorder was killed\n" in text


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome: Outcome) -> None:
    text = describe_end(Summary(outcome, status=3, detail="a\x1bb"))
    assert text.startswith(OUTCOMES[outcome])
    assert text.endswith(": a\\x1bb")
    assert ("status 3" in text) is (outcome == Outcome.HALTED)
