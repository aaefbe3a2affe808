from __future__ import annotations

import json

import pytest

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import WALL_CLOCK, ClockReading
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import DONE, Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult
from monitors.calls.traps import (
    READ_TSC,
    READ_TSCP,
    Cpuid,
    CpuidReading,
    RandomReading,
    RandomWord,
    TscReading,
)
from monitors.manifest import AttachedBlock, AttachedNet
from replay.cli.terminal import COLOURED
from replay.cli.trace_events import EventLines, byte_rows, event_data, hex_rows, seconds
from tests.net.frames import Host, arp_request
from traces.codec import describe
from traces.events import KNOWN, Event, RecordedResult
from traces.header import BootInfo, GuestInfo, Header, MachineInfo

DEVICES = (
    AttachedBlock(1, "storage", 1 << 20, 512),
    AttachedNet(2, "ser\x1bvice", bytes(6), 1500),
)
HEADER = Header(
    created_by="a test",
    guest=GuestInfo("g", "hvt", 2, bytes(32), 1, False),
    machine=MachineInfo("hvt", "any", 1 << 20, 1),
    boot=BootInfo(devices=DEVICES),
)
ARP = arp_request(Host(bytes((2, 0, 0, 0, 0, 1)), bytes((10, 0, 0, 1))), bytes((10, 0, 0, 2)))
ARP_TEXT = "ARP who has 10.0.0.2? tell 10.0.0.1"


def event(call: Call, result: RecordedResult, index: int = 7) -> Event:
    return Event(index, describe(call), result)


def line(call: Call, result: RecordedResult, given: bytes | None = None) -> str:
    text = EventLines(HEADER).line(event(call, result), given)
    assert text.startswith("#7 ")
    return text[3:]


@pytest.mark.parametrize(
    ("call", "result", "text"),
    [
        (WALL_CLOCK, ClockReading(1_000_000_002), "WallClock() = 1.000000002"),
        (READ_TSC, TscReading(12), "ReadTsc() = 12"),
        (READ_TSCP, TscReading(12, 3), "ReadTscp() = 12, aux 3"),
        (RandomWord(True, 16), RandomReading(255), "RandomWord(seed=1, bits=16) = 0xff"),
        (
            Cpuid(16, 0),
            CpuidReading(1, 2, 3, 4),
            "Cpuid(leaf=0x10, subleaf=0x0) = eax 0x1, ebx 0x2, ecx 0x3, edx 0x4",
        ),
        (Poll(1), PollResult(0), "Poll(timeout_ns=0.000000001) = time passed"),
        (Poll(0), PollResult(0b1100), "Poll(timeout_ns=0.000000000) = ready 2 ser\\x1bvice, 3"),
        (NetRead(2, 60), NetFrame(1, b""), "NetRead(handle=2 ser\\x1bvice, length=60) = AGAIN"),
        (NetRead(5, 60), NetFrame(2, b""), "NetRead(handle=5, length=60) = EINVAL"),
        (
            NetRead(5, 60),
            NetFrame(0, ARP),
            f"NetRead(handle=5, length=60) = OK, 42 bytes: {ARP_TEXT}",
        ),
        (
            Misuse(MisuseKind.INVALID_POINTER, "a\nb"),
            DONE,
            "Misuse(kind='INVALID_POINTER', detail='a\\nb')",
        ),
        (Halt(-3), DONE, "Halt(status=-3, cookie=<0 bytes, crc32c 00000000>)"),
    ],
)
def test_lines(call: Call, result: Result, text: str) -> None:
    assert line(call, result) == text


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


def test_colours_surround_number_and_name() -> None:
    text = EventLines(HEADER, COLOURED).line(event(WALL_CLOCK, ClockReading(0)))
    assert text == "\x1b[2m#7\x1b[0m \x1b[36mWallClock\x1b[0m() = 0.000000000"


def test_seconds_are_exact() -> None:
    assert seconds(2**64 - 1) == "18446744073.709551615"


def test_rows_of_hexadecimal_bytes() -> None:
    first, second = hex_rows(bytes(range(0x40, 0x52)))
    assert first == (
        "    000000  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  |@ABCDEFGHIJKLMNO|"
    )
    assert second == f"    000010  {'50 51':<47}  |PQ|"


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
