from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.clock import WALL_CLOCK, ClockReading
from replay.cli.trace_info import describe_end, info_json, info_text, tally
from tests.unit.replay.made_traces import EVERY_KIND, GUEST, MakeTrace, make_header
from traces.reader import open_trace
from traces.summary import Outcome, Summary

Damage = Callable[[Path, bytes], Path]


def text_of(path: Path) -> str:
    with open_trace(path) as trace:
        return info_text(trace, tally(trace))


def row(text: str, label: str) -> str:
    """The text behind ``label``."""
    (line,) = [line for line in text.splitlines() if line.split(" ", 1)[0] == label]
    return line[12:]


def test_everything_about_a_trace(make_trace: MakeTrace) -> None:
    path = make_trace()
    text = text_of(path)
    size = f"{path.stat().st_size / 1024:.1f} KiB"
    assert text.splitlines()[0] == f"{path}: complete, 19 events, {size}, format 1.0"
    assert row(text, "guest") == f"app.hvt, {len(GUEST)} bytes, embedded"
    assert row(text, "target") == "hvt, ABI version 2"
    assert row(text, "command") == "'one two'"
    assert row(text, "memory") == "512.0 MiB"
    assert row(text, "cpu") == "westmere, counter at 1000 MHz"
    assert row(text, "engine") == "unicorn"
    assert row(text, "devices") == "1 storage: block, 1.0 MiB in blocks of 512 bytes"
    assert "            2 service: net, 02:42:ac:11:00:02, MTU 1500\n" in text
    assert row(text, "recorded") == "2023-11-14 22:13:20 UTC"
    assert row(text, "by") == "solo5-replay 0.1.0"
    assert row(text, "host") == "Linux 6.1 x86_64"
    assert row(text, "options") == "seed 1"
    assert row(text, "ended") == "the guest halted with status -7"
    assert row(text, "console") == "6 bytes"
    assert row(text, "digests") == "4"


def test_events_are_counted_by_call(make_trace: MakeTrace) -> None:
    with open_trace(make_trace()) as trace:
        counts = tally(trace)
    assert counts.events["BlockRead"] == 3
    assert counts.event_count == len(EVERY_KIND)
    assert counts.digests == 4
    assert counts.damage is None


def test_bytes_per_event(make_trace: MakeTrace) -> None:
    path = make_trace([(WALL_CLOCK, ClockReading(10 * n)) for n in range(10_000)], per_block=10_000)
    with open_trace(path) as trace:
        counts = tally(trace)
    # [tag, delta below 128] is three bytes, and compresses well.
    assert counts.raw_bytes == 30_000
    assert "(3.0 before compression)" in text_of(path)
    assert counts.stored["E"] < 10_000
    assert sum(counts.stored.values()) < path.stat().st_size


def test_no_events_at_all(make_trace: MakeTrace) -> None:
    text = text_of(make_trace([], summary=Summary(Outcome.INTERRUPTED)))
    assert row(text, "events") == "0"
    assert row(text, "ended") == "its operator stopped it"


def test_an_unfinished_trace(make_trace: MakeTrace) -> None:
    text = text_of(make_trace(summary=None))
    assert ": incomplete, 19 events, " in text
    assert row(text, "ended") == "not known, the recorder was killed"
    assert "console" not in [line.split(" ", 1)[0] for line in text.splitlines()]


def test_damage_in_the_middle(make_trace: MakeTrace, damage: Damage) -> None:
    path = damage(make_trace(per_block=4), b"\x96\xa1E\x08\x04")
    text = text_of(path)
    assert ": DAMAGED, 8 events, " in text
    assert "checksum of block 'E' is wrong" in row(text, "damage")


def test_a_truncated_trace(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=4)
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"\x96\xa1E\x08\x04") + 20])
    text = text_of(path)
    assert ": DAMAGED, 8 events, " in text
    assert "the file ends" in row(text, "damage")


def test_nothing_untrusted_reaches_the_terminal(make_trace: MakeTrace) -> None:
    header = replace(
        make_header(name="\x1b[2J\n\u202e", command_line=b"\x1b[31m\xff\n"),
        created_by="\x07evil",
        host={"system": "\x9b"},
        options={"\x1b": "\x00"},
        recorded_at_ns=2**64 - 1,
    )
    text = text_of(make_trace(header=header, summary=Summary(Outcome.MISUSE, detail="\x1b]0;x")))
    assert all(line.isprintable() for line in text.splitlines())
    assert row(text, "command") == r"'\x1b[31m\xff\n'"
    assert row(text, "ended") == r"the guest broke a rule of its target: \x1b]0;x"


@pytest.mark.parametrize("ns", [2**64 - 1, 0, 2**63])
def test_any_time_of_recording_can_be_shown(make_trace: MakeTrace, ns: int) -> None:
    assert row(text_of(make_trace(header=replace(make_header(), recorded_at_ns=ns))), "recorded")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome: Outcome) -> None:
    text = describe_end(Summary(outcome, status=3, detail="a reason"))
    assert text.endswith(": a reason")
    assert ("with status 3" in text) == (outcome is Outcome.HALTED)


def test_json(make_trace: MakeTrace) -> None:
    path = make_trace()
    with open_trace(path) as trace:
        data = json.loads(info_json(trace, tally(trace)))
    assert data["path"] == str(path)
    assert (data["complete"], data["damage"]) == (True, None)
    assert data["header"]["guest"]["sha256"] == make_header().guest.sha256.hex()
    assert data["header"]["command_line"] == "one two"
    assert data["header"]["boot"]["devices"][1]["mac"] == "0242ac110002"
    assert (data["ended"]["outcome"], data["ended"]["status"]) == ("halted", -7)
    assert data["events"]["count"] == 19
    assert data["events"]["by_call"]["BlockRead"] == 3
    assert data["file_bytes"] == path.stat().st_size


def test_json_of_a_damaged_trace(make_trace: MakeTrace) -> None:
    path = make_trace(per_block=4, summary=None)
    path.write_bytes(path.read_bytes()[:-3])
    with open_trace(path) as trace:
        data = json.loads(info_json(trace, tally(trace)))
    assert data["ended"] is None
    assert "the file ends" in data["damage"]


def test_rights_that_a_target_would_not_give(make_trace: MakeTrace) -> None:
    header = make_header()
    unusual = replace(header, boot=replace(header.boot, executable_heap=True))
    text = text_of(make_trace(header=unusual))
    assert row(text, "memory") == "512.0 MiB, heap and stack executable"
