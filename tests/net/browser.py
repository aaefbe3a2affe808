"""HTTP clients of the guest `http`, good ones and bad ones; all to be run in the namespace."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

from tests.net.frames import SYN, Host, Segment, tcp

SERVER = ("10.0.0.2", 80)
TIMEOUT_S = 30
_PERIOD, _FACTOR = 65521, 2654435761
_ONE_PERIOD = bytes((n * _FACTOR >> 16) & 0xFF for n in range(_PERIOD))


def pattern(size: int) -> bytes:
    """The body of /N, as guest/programs/http/response.h has it."""
    return (_ONE_PERIOD * (size // _PERIOD + 1))[:size]


def body_of(response: bytes) -> bytes:
    """The body of a response of which all has arrived."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head[:100]
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head, head
    return body


def fetch(path: str) -> bytes:
    """The body at ``path``, over a connection of its own."""
    with connect() as client:
        client.sendall(get(path))
        return body_of(_read_all(client))


def fetch_at_once(paths: Sequence[str]) -> list[bytes]:
    """The bodies at all paths: every connection is there before the first request is sent."""
    return asyncio.run(_fetch_at_once(paths))


def fetch_slowly(path: str) -> bytes:
    """As ``fetch``, with a small window that is emptied a little at a time."""
    with connect(receive_buffer=4096) as client:
        client.sendall(get(path))
        return body_of(_read_all(client, at_once=512))


def walk_away(path: str) -> None:
    """Ask, read a little, and reset the connection."""
    with connect() as client:
        client.sendall(get(path))
        assert client.recv(100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stay_silent(count: int) -> list[socket.socket]:
    """So many connections on which nothing is ever asked."""
    return [connect() for _ in range(count)]


def half_open(interface: str, server_mac: bytes, count: int) -> None:
    """Ask for connections in the name of hosts that do not exist."""
    server = Host(server_mac, socket.inet_aton(SERVER[0]))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        for number in range(count):
            nobody = Host(bytes((2, 0, 0, 9, 9, number)), bytes((10, 0, 0, 100 + number)))
            wire.send(tcp(nobody, server, Segment(40000 + number, 80, number, flags=SYN)))


def neighbour(interface: str) -> bytes:
    """The server's hardware address, from a frame that it sends; some connection must be on."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind((interface, 0))
        wire.settimeout(TIMEOUT_S)
        connect().close()
        while True:
            frame, address = wire.recvfrom(65536)
            if address[2] != socket.PACKET_OUTGOING:
                return frame[6:12]


def connect(receive_buffer: int = 0) -> socket.socket:
    """A connection to the server; ``receive_buffer`` in bytes, 0 for the system's choice."""
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        client.settimeout(TIMEOUT_S)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(SERVER)
    except BaseException:
        client.close()
        raise
    return client


def get(path: str) -> bytes:
    """A request after which the server closes the connection."""
    return f"GET {path} HTTP/1.1\r\nHost: {SERVER[0]}\r\nConnection: close\r\n\r\n".encode()


def _read_all(client: socket.socket, at_once: int = 65536) -> bytes:
    response = bytearray()
    while more := client.recv(at_once):
        response += more
    return bytes(response)


async def _fetch_at_once(paths: Sequence[str]) -> list[bytes]:
    async with asyncio.timeout(TIMEOUT_S):
        streams = await asyncio.gather(*(asyncio.open_connection(*SERVER) for _ in paths))
        return await asyncio.gather(
            *(_ask(path, *stream) for path, stream in zip(paths, streams, strict=True))
        )


async def _ask(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(get(path))
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    return body_of(response)
