from __future__ import annotations

import json
from pathlib import Path

import pytest

from replay.cli.terminal import COLOURED
from replay.cli.trace_events import EventLines, event_data, hex_rows, result_bytes, seconds
from tests.unit.replay.cli.conftest import EVERY_KIND, MakeTrace
from traces.reader import open_trace
from traces.tags import SPECS

LINES = """\
#0 WallClock() = 1700000000.123456789
#1 MonotonicClock() = 0.000000005
#2 ConsoleWrite(data=<6 bytes, crc32c 353dd8be>)
#3 ReadTsc() = 3000000
#4 BlockRead(handle=1 storage, offset=0, length=512) = OK, 512 bytes \
62 6f 6f 74 00 00 00 00 00 00 00 00 00 00 00 00… |boot............…|
#5 BlockWrite(handle=1 storage, offset=512, data=<512 bytes, crc32c 060184f8>) = OK
#6 BlockRead(handle=1 storage, offset=512, length=512) = OK, bytes that occur before
#7 BlockRead(handle=1 storage, offset=1099511627776, length=512) = EINVAL
#8 Poll(timeout_ns=1.500000000) = ready 2 service
#9 Poll(timeout_ns=0.000000001) = time passed
#10 NetRead(handle=2 service, length=1514) = OK, 12 bytes \
61 1b 5b 33 31 6d 66 72 61 6d 65 ff |a.[31mframe.|
#11 NetRead(handle=2 service, length=1514) = AGAIN
#12 NetWrite(handle=9, data=<6 bytes, crc32c d2b20664>) = EINVAL
#13 RandomWord(seed=1, bits=64) = 0x8000000000000000
#14 Cpuid(leaf=0x80000001, subleaf=0x0) = eax 0x1, ebx 0x2, ecx 0xabc, edx 0x4
#15 WallClock() = 1700000000.000000000
#16 ReadTscp() = 3100000, aux 1
#17 Misuse(kind='INVALID_POINTER', detail='at 0x10\\x1b[2J')
#18 Halt(status=-7, cookie=<6 bytes, crc32c 940acc96>)
"""


@pytest.fixture
def path(make_trace: MakeTrace) -> Path:
    return make_trace()


def test_every_kind_has_a_line(path: Path) -> None:
    with open_trace(path) as trace:
        line = EventLines(trace.header).line
        assert [line(event) for event in trace.events()] == LINES.splitlines()


def test_every_kind_is_covered_here() -> None:
    assert {type(call) for call, _ in EVERY_KIND} == {spec.call for spec in SPECS.values()}


def test_colours_stand_around_number_and_name(path: Path) -> None:
    with open_trace(path) as trace:
        line = EventLines(trace.header, COLOURED).line(next(trace.events(3)))
    assert line == "\x1b[2m#3\x1b[0m \x1b[36mReadTsc\x1b[0m() = 3000000"


def test_json_data_holds_all_values(path: Path) -> None:
    with open_trace(path) as trace:
        data = [json.loads(json.dumps(event_data(event))) for event in trace.events()]
    assert data[0] == {
        "event": 0,
        "call": "WallClock",
        "inputs": {},
        "result": {"ns": 1_700_000_000_123_456_789},
    }
    assert data[2]["inputs"] == {"data": {"length": 6, "crc32c": "353dd8be"}}
    assert data[4]["inputs"] == {"handle": 1, "offset": 0, "length": 512}
    assert data[4]["result"] == {"status": 0, "data": (b"boot" + bytes(508)).hex()}
    assert data[6]["result"] == {"status": 0, "known": True}
    assert data[17]["inputs"] == {"kind": "INVALID_POINTER", "detail": "at 0x10\x1b[2J"}
    assert data[18]["result"] == {}


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (1_000_000_000, "1.000000000"),
        (2**64 - 1, "18446744073.709551615"),
    ],
)
def test_seconds_are_exact(ns: int, text: str) -> None:
    assert seconds(ns) == text


def test_only_devices_give_bytes(path: Path) -> None:
    with open_trace(path) as trace:
        sizes = {e.index: len(result_bytes(e)) for e in trace.events() if result_bytes(e)}
    assert sizes == {4: 512, 10: 12}


def test_hex_rows() -> None:
    rows = list(hex_rows(bytes(range(0x30, 0x42)) + b"\x00\xff"))
    assert rows == [
        "    000000  30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|",
        "    000010  40 41 00 ff                                      |@A..|",
    ]
    assert not list(hex_rows(b""))
