from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.export.frames import frame_layers, frame_summary
from tests.net.frames import (
    ACK,
    PSH,
    SYN,
    Host,
    Segment,
    arp_request,
    datagram,
    ipv4,
    ping,
    tcp,
)

HERE = Host(bytes((2, 0, 0, 0, 0, 1)), bytes((10, 0, 0, 1)))
THERE = Host(bytes((2, 0, 0, 0, 0, 2)), bytes((10, 0, 0, 2)))
ARP = arp_request(HERE, THERE.ip)
TCP = tcp(HERE, THERE, Segment(1234, 80, 5, 6, PSH | ACK, b"hi"))
LINK_LOCAL = bytes.fromhex("fe80000000000000 0000000000000001")
ALL_NODES = bytes.fromhex("ff02000000000000 0000000000000001")


def ipv6(next_header: int, payload: bytes) -> bytes:
    head = struct.pack(">IHBB", 0x6000_0000, len(payload), next_header, 255)
    return THERE.mac + HERE.mac + b"\x86\xdd" + head + LINK_LOCAL + ALL_NODES + payload


def test_layers_from_outside_inwards() -> None:
    assert frame_layers(TCP) == (
        "Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4, 42 bytes",
        "IPv4 10.0.0.1 > 10.0.0.2, TCP, ttl 64, 42 bytes",
        "TCP 10.0.0.1:1234 > 10.0.0.2:80, PSH ACK, seq 5, ack 6, window 65535, 2 bytes",
    )


@pytest.mark.parametrize(
    ("frame", "summary"),
    [
        (ARP, "ARP who has 10.0.0.2? tell 10.0.0.1"),
        (ARP[:20] + b"\0\2" + ARP[22:], "ARP 10.0.0.1 is at 02:00:00:00:00:01"),
        (ARP[:20] + b"\0\7" + ARP[22:], "ARP operation 7 of 10.0.0.1"),
        (ARP[:16] + b"\1\1" + ARP[18:], "ARP of other networks: hardware 1, protocol 0x0101"),
        (
            ping(HERE, THERE, 3, b"four"),
            "ICMP 10.0.0.1 > 10.0.0.2, echo request, id 4660, seq 3, 4 bytes",
        ),
        (
            ipv4(HERE, THERE, 1, b"\3\1" + bytes(6)),
            "ICMP 10.0.0.1 > 10.0.0.2, destination unreachable, code 1",
        ),
        (ipv4(HERE, THERE, 1, b"\x63\0\0\0"), "ICMP 10.0.0.1 > 10.0.0.2, type 99"),
        (
            tcp(HERE, THERE, Segment(1, 2, 3, flags=SYN)),
            "TCP 10.0.0.1:1 > 10.0.0.2:2, SYN, seq 3, window 65535, 0 bytes",
        ),
        (
            tcp(HERE, THERE, Segment(1, 2, 3)),
            "TCP 10.0.0.1:1 > 10.0.0.2:2, no flags, seq 3, window 65535, 0 bytes",
        ),
        (datagram(HERE, THERE, (53, 99), b"abc"), "UDP 10.0.0.1:53 > 10.0.0.2:99, 3 bytes"),
        (
            ipv4(HERE, THERE, 200, b"abc"),
            "IPv4 10.0.0.1 > 10.0.0.2, protocol 200, ttl 64, 23 bytes",
        ),
        (ipv6(17, struct.pack(">HHHH", 1, 2, 8, 0)), "UDP [fe80::1]:1 > [ff02::1]:2, 0 bytes"),
        (
            ipv6(58, b"\x80\0\0\0" + struct.pack(">HH", 7, 8)),
            "ICMPv6 fe80::1 > ff02::1, echo request, id 7, seq 8, 0 bytes",
        ),
        (
            ipv6(58, b"\x87\0\0\0" + bytes(4) + LINK_LOCAL),
            "ICMPv6 fe80::1 > ff02::1, neighbor solicitation for fe80::1",
        ),
        (ipv6(58, b"\x87\0\0\0"), "ICMPv6 fe80::1 > ff02::1, neighbor solicitation"),
    ],
)
def test_innermost_layer(frame: bytes, summary: str) -> None:
    assert frame_summary(frame) == summary


def test_padding_is_not_payload() -> None:
    assert frame_summary(TCP + bytes(4)) == frame_summary(TCP)


def test_vlan_tags() -> None:
    tagged = TCP[:12] + b"\x81\x00\x00\x05" + TCP[12:]
    ethernet, vlan, *inner = frame_layers(tagged)
    assert ethernet.endswith("VLAN, 46 bytes")
    assert vlan == "VLAN 5, IPv4"
    assert tuple(inner) == frame_layers(TCP)[1:]


def test_fragments_are_not_taken_for_whole_segments() -> None:
    whole = ipv4(HERE, THERE, 17, bytes(16))
    first, last = (whole[:20] + bits + whole[22:] for bits in (b"\x20\0", b"\0\2"))
    assert frame_summary(first).endswith("UDP, ttl 64, 36 bytes, fragment 0x0000 at 0, more follow")
    assert frame_summary(last).endswith("UDP, ttl 64, 36 bytes, fragment 0x0000 at 16, the last")
    header = struct.pack(">BBHI", 17, 0, 8 << 3 | 1, 0xABCDEF)
    fragment = frame_summary(ipv6(44, header + bytes(16)))
    assert fragment == (
        "IPv6 fe80::1 > ff02::1, UDP, hop limit 255, 24 bytes, "
        "fragment 0x00abcdef at 64, more follow"
    )


def test_frames_that_were_cut_off_say_so() -> None:
    assert frame_summary(TCP[:54]).endswith("0 bytes, 2 bytes cut off")
    assert frame_summary(TCP[:40]).startswith("IPv4 10.0.0.1 > 10.0.0.2, TCP")
    assert frame_summary(TCP[:20]).endswith("IPv4, 6 bytes, not readable further")
    assert frame_layers(TCP[:13]) == ("Ethernet cut off after 13 bytes",)
    assert frame_layers(b"") == ("Ethernet cut off after 0 bytes",)


def test_unknown_payloads_leave_the_ethernet_header() -> None:
    unknown = TCP[:12] + b"\x88\xb5" + bytes(50)
    assert frame_summary(unknown).endswith("type 0x88b5, 50 bytes")
    assert frame_summary(TCP[:12] + b"\0\x10" + bytes(50)).endswith("length 16, 50 bytes")


def test_packets_within_packets_end_somewhere() -> None:
    packet = b""
    for _ in range(3000):
        size = min(0xFFFF, 20 + len(packet))
        packet = struct.pack(">BBHHHBBH8s", 0x45, 0, size, 0, 0, 64, 4, 0, bytes(8)) + packet
    assert frame_summary(TCP[:14] + packet).endswith("60000 bytes, not readable further")


@settings(max_examples=300, deadline=None)
@given(
    base=st.sampled_from((TCP, ARP, ipv6(58, bytes(30)), ipv6(0, bytes(30)), TCP[:12])),
    changes=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 80),
    tail=st.binary(max_size=20),
)
def test_no_bytes_raise(base: bytes, changes: list[tuple[int, int]], cut: int, tail: bytes) -> None:
    frame = bytearray(base)
    for place, value in changes:
        frame[place % len(frame)] = value
    layers = frame_layers(bytes(frame[:cut]) + tail)
    assert layers
    assert all(layer and layer.isprintable() for layer in layers)
