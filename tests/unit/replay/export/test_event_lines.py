from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitors.calls import Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import ReadySet, SetTimer, WaitReady
from replay.export.event_lines import EventLines, byte_rows, event_data, hex_rows, seconds
from tests.net.frames import Host, arp_request
from tests.unit.replay.made_traces import EVERY_KIND, Crossing, MakeTrace, make_header
from traces.codec import describe
from traces.events import KNOWN, Event, RecordedResult
from traces.reader import open_trace
from traces.tags import SPECS

LINES = """\
#0 WallClock() = 1700000000.123456789
#1 MonotonicClock() = 0.000000005
#2 ConsoleWrite(data=<6 bytes, crc32c 353dd8be>)
#3 ReadTsc() = 3000000
#4 BlockRead(handle=1 storage, offset=0 (sector 0), length=512) = OK, 512 bytes: \
62 6f 6f 74 00 00 00 00 00 00 00 00 00 00 00 00… |boot............…|
#5 BlockWrite(handle=1 storage, offset=512 (sector 1), data=<512 bytes, crc32c 060184f8>) = OK
#6 BlockRead(handle=1 storage, offset=512 (sector 1), length=512) = OK, bytes that occur before
#7 BlockRead(handle=1 storage, offset=1099511627776 (sector 2147483648), length=512) = EINVAL
#8 Poll(timeout=1.500000000) = ready 2 service
#9 Poll(timeout=0.000000001) = time passed
#10 NetRead(handle=2 service, length=1514) = OK, 12 bytes: \
Ethernet cut off after 12 bytes
#11 NetRead(handle=2 service, length=1514) = AGAIN
#12 NetWrite(handle=9, data=<6 bytes, crc32c d2b20664>) = EINVAL
#13 RandomWord(seed=1, bits=64) = 0x8000000000000000
#14 Cpuid(leaf=0x80000001, subleaf=0x0) = eax 0x1, ebx 0x2, ecx 0xabc, edx 0x4
#15 WallClock() = 1700000000.000000000
#16 ReadTscp() = 3100000, aux 1
#17 Misuse(kind='INVALID_POINTER', detail='at 0x10\\x1b[2J')
#18 Halt(status=-7, cookie=<6 bytes, crc32c 940acc96>)
"""


ARP = arp_request(Host(bytes((2, 0, 0, 0, 0, 1)), bytes((10, 0, 0, 1))), bytes((10, 0, 0, 2)))
ARP_TEXT = "ARP who has 10.0.0.2? tell 10.0.0.1"


OF_TIMERS: dict[Crossing, str] = {
    (SetTimer(2_000_000_001), DONE): "SetTimer(at=2.000000001)",
    (WaitReady(-1), ReadySet(4, timer_fired=True)): (
        "WaitReady(timeout=for ever) = ready 2 service, timer"
    ),
    (WaitReady(7), ReadySet(0, timer_fired=False)): (
        "WaitReady(timeout=0.007000000) = time passed"
    ),
}


def event(call: Call, result: RecordedResult) -> Event:
    return Event(7, describe(call), result)


def line(call: Call, result: RecordedResult, given: bytes | None = None) -> str:
    text = EventLines(make_header()).line(event(call, result), given)
    assert text.startswith("#7 ")
    return text[3:]


@pytest.fixture
def path(make_trace: MakeTrace) -> Path:
    return make_trace()


def test_every_kind_has_a_line(path: Path) -> None:
    with open_trace(path) as trace:
        lines = EventLines(trace.header)
        assert [lines.line(event) for event in trace.events()] == LINES.splitlines()


@pytest.mark.parametrize(("crossing", "text"), OF_TIMERS.items())
def test_timers_and_waits_for_them(crossing: Crossing, text: str) -> None:
    assert line(*crossing) == text
    json.dumps(event_data(event(*crossing)))


def test_every_kind_is_covered_here() -> None:
    assert {type(call) for call, _ in (*EVERY_KIND, *OF_TIMERS)} == {
        spec.call for spec in SPECS.values()
    }


def test_a_line_is_its_parts(path: Path) -> None:
    with open_trace(path) as trace:
        parts = EventLines(trace.header).parts(next(trace.events(4)))
    assert (parts.number, parts.name) == ("#4", "BlockRead")
    assert parts.inputs == "handle=1 storage, offset=0 (sector 0), length=512"
    assert parts.result.startswith("OK, 512 bytes")


def test_json_data_holds_all_values(path: Path) -> None:
    with open_trace(path) as trace:
        data = [json.loads(json.dumps(event_data(e))) for e in trace.events()]
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
        rows = {e.index: len(list(byte_rows(e))) for e in trace.events() if list(byte_rows(e))}
    assert rows == {4: 512 // 16, 10: 2}


def test_hex_rows() -> None:
    rows = list(hex_rows(bytes(range(0x30, 0x42)) + b"\x00\xff"))
    assert rows == [
        "    000000  30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|",
        "    000010  40 41 00 ff                                      |@A..|",
    ]
    assert not list(hex_rows(b""))


@pytest.mark.parametrize(
    ("offset", "length", "sectors"),
    [
        (0, 512, " (sector 0)"),
        (4096, 512, " (sector 8)"),
        (4096, 2048, " (sectors 8-11)"),
        (1, 512, ""),
        (0, 511, ""),
        (0, 0, ""),
    ],
)
def test_requests_of_whole_sectors_name_them(offset: int, length: int, sectors: str) -> None:
    text = line(BlockRead(1, offset, length), KNOWN)
    assert text == (
        f"BlockRead(handle=1 storage, offset={offset}{sectors}, length={length})"
        " = OK, bytes that occur before"
    )
    text = line(BlockWrite(1, offset, bytes(length)), IoStatus(0))
    assert text.startswith(f"BlockWrite(handle=1 storage, offset={offset}{sectors}, data=<{length}")


def test_unknown_devices_have_no_sectors() -> None:
    assert "sector" not in line(BlockRead(2, 0, 512), BlockData(2, b""))
    assert "sector" not in line(BlockRead(9, 0, 512), BlockData(2, b""))


def test_data_that_was_read_begins_the_line() -> None:
    text = line(BlockRead(9, 0, 20), BlockData(0, b"0123456789abcde\0rest"))
    assert text.endswith(
        "= OK, 20 bytes: 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 00… |0123456789abcde.…|"
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"hello\n", r"'hello\n'"),
        (b"a\\n\x1b[2J", r"'a\\n\x1b[2J'"),
        ("żółw".encode(), "'żółw'"),
        (b"\xff\xfe", r"b'\xff\xfe'"),
        (b"x" * 401, f"'{'x' * 400}'… (401 bytes)"),
        (b"", "''"),
    ],
)
def test_text_that_is_given(data: bytes, text: str) -> None:
    assert line(ConsoleWrite(data), DONE, data) == f"ConsoleWrite(data={text})"
    assert "crc32c" in line(ConsoleWrite(data), DONE)


def test_bytes_that_are_given() -> None:
    assert f"data=<42 bytes: {ARP_TEXT}>) = OK" in line(NetWrite(2, ARP), IoStatus(0), ARP)
    assert "data=<1 byte: 61 |a|>) = OK" in line(BlockWrite(1, 0, b"a"), IoStatus(0), b"a")
    assert "data=<0 bytes>) = EINVAL" in line(BlockWrite(1, 0, b""), IoStatus(2), b"")
    assert line(Halt(1, b"abc"), DONE, b"abc") == "Halt(status=1, cookie=<3 bytes: 61 62 63 |abc|>)"


def test_rows_of_what_an_event_moved() -> None:
    rows = list(byte_rows(event(NetRead(2, 60), NetFrame(0, ARP))))
    assert rows[0].startswith("    Ethernet 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff")
    assert rows[1] == f"    {ARP_TEXT}"
    assert rows[2].startswith("    000000  ff ff")
    assert list(byte_rows(event(NetWrite(2, ARP), IoStatus(0)), ARP)) == rows
    assert list(byte_rows(event(BlockRead(1, 0, 2), BlockData(0, b"ab")))) == [*hex_rows(b"ab")]
    assert list(byte_rows(event(ConsoleWrite(b"ab"), DONE), b"ab")) == [*hex_rows(b"ab")]
    assert not list(byte_rows(event(NetWrite(2, ARP), IoStatus(0))))
    assert not list(byte_rows(event(NetRead(2, 60), NetFrame(1, b""))))


def test_data_of_events() -> None:
    assert event_data(event(NetRead(2, 60), NetFrame(0, ARP))) == {
        "event": 7,
        "call": "NetRead",
        "inputs": {"handle": 2, "length": 60},
        "result": {"status": 0, "data": ARP.hex()},
        "frame": (
            "Ethernet 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, 28 bytes",
            ARP_TEXT,
        ),
    }
    known = event_data(event(BlockRead(1, 0, 512), KNOWN))
    assert known["result"] == {"status": 0, "known": True}
    assert "frame" not in known


def test_data_of_what_the_guest_gave() -> None:
    printed = event(ConsoleWrite(b"\xffhi"), DONE)
    assert event_data(printed)["inputs"] == {"data": {"length": 3, "crc32c": "f59d26c2"}}
    assert event_data(printed, b"\xffhi")["inputs"] == {
        "data": {"length": 3, "crc32c": "f59d26c2", "bytes": "ff6869", "text": "\ufffdhi"}
    }
    sent = event_data(event(NetWrite(2, ARP), IoStatus(0)), ARP)
    assert json.loads(json.dumps(sent))["frame"][1] == ARP_TEXT
    assert "frame" not in event_data(event(BlockWrite(1, 0, b"a"), IoStatus(0)), b"a")
