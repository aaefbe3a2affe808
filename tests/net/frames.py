"""Ethernet frames that tests make and read: ARP, and ICMP, UDP and TCP on IPv4."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ARP, _IPV4 = 0x0806, 0x0800
_ICMP, _TCP, _UDP = 1, 6, 17
_TCP_HEADER = struct.Struct(">HHIIBBHHH")

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True, slots=True)
class Host:
    """One end: its hardware address (6 bytes) and IPv4 address (4 bytes)."""

    mac: bytes
    ip: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment; ``options`` is a multiple of 4 bytes."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int = 0
    flags: int = 0
    data: bytes = b""
    options: bytes = b""
    window: int = 0xFFFF

    @property
    def length(self) -> int:
        """How many sequence numbers it takes."""
        return len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp_request(sender: Host, wanted_ip: bytes) -> bytes:
    """Who has ``wanted_ip``? To everybody."""
    body = struct.pack(
        ">HHBBH6s4s6s4s", 1, _IPV4, 6, 4, 1, sender.mac, sender.ip, bytes(6), wanted_ip
    )
    return b"\xff" * 6 + sender.mac + struct.pack(">H", _ARP) + body


def ping(sender: Host, target: Host, sequence: int, data: bytes) -> bytes:
    """An ICMP echo request."""
    head = struct.pack(">BBHHH", 8, 0, 0, 0x1234, sequence)
    check = internet_checksum(head + data)
    return ipv4(sender, target, _ICMP, head[:2] + struct.pack(">H", check) + head[4:] + data)


def datagram(sender: Host, target: Host, ports: tuple[int, int], data: bytes) -> bytes:
    """A UDP datagram; ``ports`` are its source and its destination."""
    length = 8 + len(data)
    head = struct.pack(">HHH", *ports, length)
    check = internet_checksum(_pseudo(sender, target, _UDP, length) + head + bytes(2) + data)
    return ipv4(sender, target, _UDP, head + struct.pack(">H", check or 0xFFFF) + data)


def tcp(sender: Host, target: Host, segment: Segment) -> bytes:
    """A frame with one TCP segment."""
    offset = (20 + len(segment.options)) << 2
    head = _TCP_HEADER.pack(
        segment.source_port,
        segment.destination_port,
        segment.sequence % (1 << 32),
        segment.acknowledgement % (1 << 32),
        offset,
        segment.flags,
        segment.window,
        0,
        0,
    )
    packet = head + segment.options + segment.data
    check = internet_checksum(_pseudo(sender, target, _TCP, len(packet)) + packet)
    return ipv4(sender, target, _TCP, packet[:16] + struct.pack(">H", check) + packet[18:])


def ipv4(sender: Host, target: Host, protocol: int, payload: bytes) -> bytes:
    """A frame with one IPv4 packet that is not fragmented."""
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol)
    check = internet_checksum(head + sender.ip + target.ip)
    packet = head + struct.pack(">H", check) + sender.ip + target.ip + payload
    return target.mac + sender.mac + struct.pack(">H", _IPV4) + packet


def read_tcp(frame: bytes) -> Segment | None:
    """The TCP segment of a frame; ``None`` for other frames, ValueError for a wrong checksum."""
    if frame[12:14] != struct.pack(">H", _IPV4) or frame[23] != _TCP:
        return None
    end = 14 + int(struct.unpack_from(">H", frame, 16)[0])
    packet = frame[14 + (frame[14] & 15) * 4 : end]
    pseudo = frame[26:34] + struct.pack(">BBH", 0, _TCP, len(packet))
    if internet_checksum(frame[14:34]) or internet_checksum(pseudo + packet):
        raise ValueError(f"wrong checksum: {frame.hex()}")
    sport, dport, sequence, acknowledgement, offset, flags, window, _, _ = _TCP_HEADER.unpack_from(
        packet
    )
    start = offset >> 4 << 2
    return Segment(
        sport,
        dport,
        sequence,
        acknowledgement,
        flags,
        packet[start:],
        packet[20:start],
        window,
    )


def _pseudo(sender: Host, target: Host, protocol: int, length: int) -> bytes:
    return sender.ip + target.ip + struct.pack(">BBH", 0, protocol, length)
