"""What is exported of a recording on a real interface, as tshark reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from replay.cli.trace import main
from tests.net import browser
from tests.net.conftest import Record
from tests.net.namespace import Namespace
from traces.reader import open_trace

pytestmark = pytest.mark.slow

SIZE = 70_000


def tshark(path: Path, only: str, *fields: str) -> list[list[str]]:
    """Fields of the packets that a filter leaves."""
    names = (word for field in fields or ("frame.number",) for word in ("-e", field))
    command = ["tshark", "-n", "-r", path, "-Y", only, "-T", "fields", *names]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in out.splitlines()]


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_arp_pings_and_a_page(
    namespace: Namespace, record: Record, tmp_path: Path, target: str
) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: apt-get install tshark")
    namespace.add_tap("tap0", "10.0.0.1/24")
    run = record("http", "limit", "1", target=target)
    namespace.command(["ping", "-q", "-c", "3", "-i", "0.01", "10.0.0.2"])
    body = tmp_path / "body"
    namespace.command(["curl", "-sS", "-o", str(body), f"http://10.0.0.2/{SIZE}"])
    assert body.read_bytes() == browser.pattern(SIZE)
    assert run.finish().status == 0

    path = tmp_path / "run.pcapng"
    assert main(["export", "pcapng", str(run.trace), "-o", str(path)]) == 0
    assert tshark(path, "arp.opcode == 2", "frame.interface_name")[0] == ["service0"]
    pings = tshark(path, "icmp", "icmp.type", "frame.packet_flags_direction")
    assert sorted(pings) == [["0", "0x00000002"]] * 3 + [["8", "0x00000001"]] * 3
    assert tshark(path, "http.response", "http.content_length", "http.response.code") == [
        [str(SIZE), "200"]
    ]
    assert tshark(path, "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment") == []
    assert tshark(path, "ip.checksum.status == 0 || _ws.malformed") == []
    with open_trace(run.trace) as trace:
        began_s = (trace.header.recorded_at_ns or 0) / 1e9
    dates = [float(row[0]) for row in tshark(path, "frame", "frame.time_epoch")]
    assert dates == sorted(dates)
    assert began_s - 1 <= dates[0] <= dates[-1] <= began_s + 120
    assert len(set(dates)) > 3, "those between two readings of its clock have one time"
