"""Network frames in words, layer by layer: pure, and for bytes of any kind.

Only headers are looked at and no checksum is verified: hosts leave those of frames that never
reach a wire to hardware that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpkt.icmp import ICMP
    from dpkt.icmp6 import ICMP6
    from dpkt.tcp import TCP
    from dpkt.udp import UDP

_ETHERNET_BYTES = 14
_TAG_BYTES = 4
_LENGTHS_MAX = 1500  # IEEE 802.3: a type field up to this is a length
_TYPES = {0x0800: "IPv4", 0x0806: "ARP", 0x8100: "VLAN", 0x86DD: "IPv6", 0x88CC: "LLDP"}
_READABLE = (0x0800, 0x0806, 0x86DD)
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6"}
_IPV6_HEADER_BYTES = 40
_FRAGMENT_HEADER = 44
_FRAGMENT_UNIT_BYTES = 8

_ARP_REQUEST, _ARP_REPLY = 1, 2
_ECHOES = {0: "echo reply", 8: "echo request", 128: "echo request", 129: "echo reply"}
_ICMP_TYPES = {
    3: "destination unreachable",
    4: "source quench",
    5: "redirect",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
}
_ICMP6_TYPES = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    130: "listener query",
    131: "listener report",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    143: "listener report",
}
_NEIGHBOR_TYPES = (135, 136)  # RFC 4861: the target address stands at 4..20 behind the checksum
_TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")  # RFC 9293, lowest bit first


def frame_summary(frame: bytes) -> str:
    """The innermost layer that can be read, in one line; for an unknown payload that of Ethernet.

    TCP numbers are absolute, so that a frame reads the same wherever one begins to look.
    """
    return frame_layers(frame)[-1]


def frame_layers(frame: bytes) -> tuple[str, ...]:
    """A line for each layer from Ethernet inwards; never empty, whatever the bytes are."""
    if len(frame) < _ETHERNET_BYTES:
        return (f"Ethernet cut off after {len(frame)} bytes",)
    layers = [_ethernet(frame)]
    try:
        for layer in _payload_layers(frame):
            layers.append(layer)  # noqa: PERF402  # what was read before an error is kept
    # The dissector raises what it happens to raise on bytes that are nothing.
    except Exception:  # its own errors, IndexError, struct.error, RecursionError...
        layers[-1] += ", not readable further"
    return tuple(layers)


def _ethernet(frame: bytes) -> str:
    to, source, kind = frame[:6], frame[6:12], int.from_bytes(frame[12:14])
    size = len(frame) - _ETHERNET_BYTES
    name = f"length {kind}" if kind <= _LENGTHS_MAX else _named(_TYPES, kind, "type", hex)
    return f"Ethernet {source.hex(':')} > {to.hex(':')}, {name}, {size} bytes"


def _payload_layers(frame: bytes) -> Iterator[str]:
    from dpkt.arp import ARP
    from dpkt.ethernet import Ethernet
    from dpkt.ip import IP
    from dpkt.ip6 import IP6

    ethernet = Ethernet(frame)
    tags = getattr(ethernet, "vlan_tags", ())
    for tag in tags:
        yield f"VLAN {tag.id}, {_named(_TYPES, tag.type, 'type', hex)}"
    packet = ethernet.data
    room_bytes = len(frame) - _ETHERNET_BYTES - _TAG_BYTES * len(tags)
    match packet:
        case ARP():
            yield _arp(packet)
        case IP():
            yield from _ipv4(packet, room_bytes)
        case IP6():
            yield from _ipv6(packet, room_bytes)
        case bytes() if (tags[-1].type if tags else ethernet.type) in _READABLE:
            raise ValueError(packet)


def _arp(arp: Any) -> str:
    if (arp.pro, arp.pln, arp.hln) != (0x0800, 4, 6):
        return f"ARP of other networks: hardware {arp.hrd}, protocol {arp.pro:#06x}"
    if arp.op == _ARP_REQUEST:
        return f"ARP who has {ip_address(arp.tpa)}? tell {ip_address(arp.spa)}"
    if arp.op == _ARP_REPLY:
        return f"ARP {ip_address(arp.spa)} is at {arp.sha.hex(':')}"
    return f"ARP operation {arp.op} of {ip_address(arp.spa)}"


def _ipv4(packet: Any, room_bytes: int) -> Iterator[str]:
    ends = _Ends(packet)
    protocol = _named(_PROTOCOLS, packet.p, "protocol", str)
    cut = _cut(packet.len - room_bytes)
    head = f"IPv4 {ends}, {protocol}, ttl {packet.ttl}, {packet.len} bytes{cut}"
    if packet.offset or packet.mf:
        place = packet.offset * _FRAGMENT_UNIT_BYTES
        yield head + _fragment(f"{packet.id:#06x}", place, bool(packet.mf))
        return
    yield head
    yield from _transport(packet, ends, cut)


def _ipv6(packet: Any, room_bytes: int) -> Iterator[str]:
    ends = _Ends(packet)
    number = getattr(packet, "p", packet.nxt)
    cut = _cut(packet.plen + _IPV6_HEADER_BYTES - room_bytes)
    protocol = _named(_PROTOCOLS, number, "protocol", str)
    head = f"IPv6 {ends}, {protocol}, hop limit {packet.hlim}, {packet.plen} bytes{cut}"
    fragment = packet.extension_hdrs.get(_FRAGMENT_HEADER)
    if fragment is not None:
        place = fragment.frag_off * _FRAGMENT_UNIT_BYTES
        yield head + _fragment(f"{fragment.id:#010x}", place, bool(fragment.m_flag))
        return
    yield head
    yield from _transport(packet, ends, cut)


def _fragment(name: str, offset_bytes: int, more: bool) -> str:
    return f", fragment {name} at {offset_bytes}, {'more follow' if more else 'the last'}"


class _Ends:
    """Both addresses of a packet, with ports or without."""

    def __init__(self, packet: Any) -> None:
        self._source = ip_address(packet.src)
        self._to = ip_address(packet.dst)

    def __str__(self) -> str:
        return f"{self._source} > {self._to}"

    def ports(self, segment: TCP | UDP) -> str:
        """``10.0.0.1:80 > 10.0.0.2:1024``, ``[fe80::1]:80 > …``."""
        form = "{}:{}" if self._source.version == 4 else "[{}]:{}"
        source = form.format(self._source, segment.sport)
        return f"{source} > {form.format(self._to, segment.dport)}"


def _transport(packet: Any, ends: _Ends, cut: str) -> Iterator[str]:
    from dpkt.icmp import ICMP
    from dpkt.icmp6 import ICMP6
    from dpkt.tcp import TCP
    from dpkt.udp import UDP

    inner = packet.data
    match inner:
        case TCP():
            yield f"TCP {ends.ports(inner)}, {_tcp(inner)}{cut}"
        case UDP():
            yield f"UDP {ends.ports(inner)}, {len(inner.data)} bytes{cut}"
        case ICMP():
            yield f"ICMP {ends}, {_icmp(inner, _ICMP_TYPES)}{cut}"
        case ICMP6():
            yield f"ICMPv6 {ends}, {_icmp(inner, _ICMP6_TYPES)}{cut}"


def _tcp(segment: Any) -> str:
    names = [name for bit, name in enumerate(_TCP_FLAGS) if segment.flags >> bit & 1]
    ack = f", ack {segment.ack}" if "ACK" in names else ""
    size = len(segment.data)
    flags = " ".join(names) or "no flags"
    return f"{flags}, seq {segment.seq}{ack}, window {segment.win}, {size} bytes"


def _icmp(message: ICMP | ICMP6, names: dict[int, str]) -> str:
    kind = message.type
    body = message.data
    if kind in _ECHOES and not isinstance(body, bytes):
        return f"{_ECHOES[kind]}, id {body.id}, seq {body.seq}, {len(body.data)} bytes"
    if names is _ICMP6_TYPES and kind in _NEIGHBOR_TYPES and len(body) >= 20:
        return f"{names[kind]} for {ip_address(body[4:20])}"
    code = f", code {message.code}" if message.code else ""
    return f"{_named(names, kind, 'type', str)}{code}"


def _cut(lost: int) -> str:
    return f", {lost} bytes cut off" if lost > 0 else ""


def _named(names: dict[int, str], number: int, what: str, show: Any) -> str:
    return names.get(number) or f"{what} {show(number)}"
