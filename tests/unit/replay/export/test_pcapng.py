from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.manifest import AttachedNet
from replay.cli.trace import main
from replay.export.pcapng import PcapngExporter
from tests.unit.replay.export.captured import exported
from tests.unit.replay.made_traces import Crossing, MakeTrace, make_header
from tests.unit.replay.recordings import Recorder, Recording
from traces.header import BootInfo
from traces.reader import open_trace

FIELDS = ("frame.comment", "frame.packet_flags_direction", "frame.interface_name", "frame.len")
WANTED = "tshark is not installed: apt-get install tshark"


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    """The fields of all packets, as the real one reads them."""
    if shutil.which("tshark") is None:
        pytest.skip(WANTED)
    command = ["tshark", "-n", "-r", path, *arguments]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def fields(*names: str) -> list[str]:
    return ["-T", "fields", *(word for name in names for word in ("-e", name))]


def capture(recording: Recording, tmp_path: Path, *options: str) -> Path:
    path = tmp_path / "out.pcapng"
    assert main(["export", "pcapng", str(recording.path), "-o", str(path), *options]) == 0
    return path


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        kind, size = struct.unpack_from("<II", data)
        assert size % 4 == 0
        assert struct.unpack_from("<I", data, size - 4) == (size,)
        found.append((kind, data[8 : size - 4]))
        data = data[size:]
    return found


def test_the_layout_of_a_capture(make_trace: MakeTrace) -> None:
    crossings: tuple[Crossing, ...] = (
        (NetRead(2, 1514), NetFrame(0, b"frame")),
        (NetRead(2, 1514), NetFrame(1, b"")),
        (NetWrite(2, b"answer"), IoStatus(0)),
        (NetWrite(2, b"refused"), IoStatus(2)),
        (NetRead(9, 1514), NetFrame(0, b"of no device")),
    )
    data, summary = exported(make_trace(crossings), PcapngExporter, {2: b"answer"})
    assert summary == "1 frame received, 1 sent"
    (section, head), (interface, device), *packets = blocks(data)
    assert (section, interface) == (0x0A0D0D0A, 1)
    assert head.startswith(struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    assert b"solo5-replay 0.1.0" in head
    assert b"when the recording began" in head
    assert device.startswith(struct.pack("<HHIHH", 1, 0, 0, 2, 7) + b"service\0")
    assert bytes.fromhex("0242ac110002") in device
    date = 1_700_000_000_000_000_000
    frame = struct.pack("<IIIII", 0, date >> 32, date & 0xFFFFFFFF, 5, 5) + b"frame\0\0\0"
    comment = struct.pack("<HH", 1, 7) + b"event 0\0"
    assert packets[0] == (6, frame + comment + struct.pack("<HHIHH", 2, 4, 1, 0, 0))
    assert [packet[1][20:26] for packet in packets] == [b"frame\0", b"answer"]


def test_a_sent_frame_without_bytes_has_its_length(make_trace: MakeTrace) -> None:
    data, _ = exported(make_trace([(NetWrite(2, b"answer"), IoStatus(0))]), PcapngExporter)
    assert struct.unpack_from("<II", blocks(data)[2][1], 12) == (0, 6)


def test_names_are_harmless(make_trace: MakeTrace) -> None:
    devices = (AttachedNet(1, "\x1b[2J" * 3, bytes(6), 1500),)
    header = replace(make_header(), boot=BootInfo(b"", devices))
    data, _ = exported(make_trace([], header=header), PcapngExporter)
    assert b"\x1b" not in data


@pytest.mark.slow
def test_a_conversation_over_tcp_as_tshark_reads_it(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record_case("http")
    path = capture(recording, tmp_path)
    packets = tshark(path, *fields(*FIELDS, "frame.time_epoch"))
    with open_trace(recording.path) as trace:
        net = [
            event
            for event in trace.events()
            if event.call.name in PcapngExporter.calls and event.result.status == 0  # type: ignore[union-attr]
        ]
    assert [packet[0] for packet in packets] == [f"event {event.index}" for event in net]
    directions = {"NetRead": "0x00000001", "NetWrite": "0x00000002"}
    assert [packet[1] for packet in packets] == [directions[event.call.name] for event in net]
    assert {packet[2] for packet in packets} == {"service0"}
    dates = [packet[4] for packet in packets]
    assert dates == sorted(dates)
    seen = [packet[0].rpartition(":")[2] for packet in tshark(path, *fields("frame.protocols"))]
    assert {"arp", "tcp", "http"} <= set(seen)
    requests = tshark(path, "-Y", "http.request", *fields("http.request.uri"))
    assert requests[0] == ["/1m,/nope"], "segments are put together, none is missing"
    assert tshark(path, "-Y", "_ws.malformed") == []


@pytest.mark.slow
def test_pings_as_tshark_reads_them(recorder: Recorder, tmp_path: Path) -> None:
    path = capture(recorder.record_case("net"), tmp_path)
    pings = tshark(path, "-Y", "icmp", *fields("icmp.type", "frame.packet_flags_direction"))
    requests, replies = (
        [ping for ping in pings if ping == [kind, direction]]
        for kind, direction in (("8", "0x00000001"), ("0", "0x00000002"))
    )
    assert len(replies) == 3
    assert len(requests) >= 3
    assert all(row == ["1"] for row in tshark(path, "-Y", "icmp", *fields("icmp.checksum.status")))


@pytest.mark.slow
def test_without_a_replay_sent_frames_are_empty(recorder: Recorder, tmp_path: Path) -> None:
    recording = recorder.record_case("net")
    path = capture(recording, tmp_path, "--no-replay")
    rows = tshark(path, *fields("frame.packet_flags_direction", "frame.cap_len", "frame.len"))
    assert {row[1] for row in rows if row[0] == "0x00000002"} == {"0"}
    assert all(int(row[2]) >= 42 for row in rows)
