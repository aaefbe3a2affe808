"""Datagrams from real sockets, echoed by a guest that is being recorded."""

from __future__ import annotations

import random
import socket

import pytest

from tests.net.conftest import Faithful, Record
from tests.net.namespace import Namespace

pytestmark = pytest.mark.slow

ECHO = ("10.0.0.2", 7)
TIMEOUT_S = 10


def echoes(datagrams: list[bytes]) -> list[bytes]:
    """What comes back for each datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(ECHO)
        replies = []
        for datagram in datagrams:
            client.send(datagram)
            replies.append(client.recv(65536))
        return replies


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_datagrams_of_all_sizes_come_back(
    namespace: Namespace, record: Record, assert_faithful: Faithful, target: str
) -> None:
    """Those above 1472 bytes are fragmented, both ways."""
    namespace.add_tap("tap0", "10.0.0.1/24")
    sizes = [0, 1, 2, 512, 1471, 1472, 1473, 8000]
    source = random.Random(7)
    datagrams = [source.randbytes(size) for size in sizes * 10]
    run = record("udp", "limit", str(len(datagrams)), target=target)
    assert namespace.run(echoes, datagrams) == datagrams
    recorded = run.finish()
    assert f"{len(datagrams)} datagrams echoed" in recorded.stdout
    assert_faithful(run, recorded)


def test_other_ports_are_refused_and_pings_answered(
    namespace: Namespace, record: Record, assert_faithful: Faithful
) -> None:
    namespace.add_tap("tap0", "10.0.0.1/24")
    run = record("udp", "limit", "1")
    with pytest.raises(ConnectionRefusedError):
        namespace.run(ask_port, 9)
    assert " 3 received" in namespace.command(["ping", "-q", "-i", "0", "-c", "3", ECHO[0]])
    assert namespace.run(echoes, [b"the last"]) == [b"the last"]
    assert_faithful(run, run.finish())


def ask_port(port: int) -> bytes:
    """The answer of a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect((ECHO[0], port))
        client.send(b"anybody there?")
        return client.recv(65536)
