"""Network frames as a capture file for Wireshark and its kin, both directions.

The layout is that of the PCAP Next Generation Capture File Format (draft-ietf-opsawg-pcapng):
section header, one interface description for each network device, one enhanced packet for each
frame, little-endian.
"""

from __future__ import annotations

import struct

from monitors.calls.net import NetFrame
from monitors.manifest import AttachedNet
from replay.export.exporter import Write
from replay.export.times import EventTimes
from replay.export.words import counted, one_line
from traces.events import BytesDigest, Event
from traces.header import Header

_BLOCK = struct.Struct("<II")
_OPTION = struct.Struct("<HH")
_SECTION = struct.Struct("<IHHq")
_INTERFACE = struct.Struct("<HHI")
_PACKET = struct.Struct("<IIIII")
_U32 = struct.Struct("<I")

_SECTION_TYPE, _INTERFACE_TYPE, _PACKET_TYPE = 0x0A0D0D0A, 1, 6
_BYTE_ORDER, _MAJOR, _MINOR, _LENGTH_UNKNOWN = 0x1A2B3C4D, 1, 0, -1
_LINKTYPE_ETHERNET, _SNAPLEN_UNLIMITED = 1, 0
_COMMENT, _USER_APPLICATION = 1, 4
_IF_NAME, _IF_MAC, _IF_RESOLUTION, _NANOSECONDS = 2, 6, 9, b"\x09"
_FLAGS, _INBOUND, _OUTBOUND = 2, 1, 2
_OPTION_BYTES_MAX = 0xFFFF
_OK = 0


class PcapngExporter:
    """A capture of what one trace's network devices received and sent.

    Of a sent frame whose bytes are not known, the capture has the length alone.
    """

    calls = frozenset(("NetRead", "NetWrite"))

    def __init__(self, header: Header, times: EventTimes, write: Write) -> None:
        """Writes everything in front of the frames."""
        self._date = times.date
        self._write = write
        self._received = self._sent = 0
        nets = [each for each in header.boot.devices if isinstance(each, AttachedNet)]
        self._interfaces = {device.handle: number for number, device in enumerate(nets)}
        note = f"times: {times.origin.value}; packet comments: the event of the trace"
        write(_section(one_line(header.created_by), note))
        for device in nets:
            write(_interface(one_line(device.name), device.mac))

    def take(self, event: Event, given: bytes | None) -> None:
        """See ``Exporter.take``."""
        inputs = dict(event.call.fields)
        interface = self._interfaces.get(inputs["handle"])  # type: ignore[arg-type]
        result = event.result
        if interface is None or getattr(result, "status", None) != _OK:
            return
        if isinstance(result, NetFrame):
            self._received += 1
            self._packet(event.index, interface, result.data, len(result.data), _INBOUND)
        elif isinstance(digest := inputs["data"], BytesDigest):
            self._sent += 1
            self._packet(event.index, interface, given or b"", digest.length, _OUTBOUND)

    def finish(self) -> None:
        """See ``Exporter.finish``."""

    @property
    def summary(self) -> str:
        """See ``Exporter.summary``."""
        return f"{counted(self._received, 'frame')} received, {self._sent} sent"

    def _packet(
        self, event: int, interface: int, frame: bytes, length: int, direction: int
    ) -> None:
        high, low = divmod(self._date(event), 1 << 32)
        options = (_option(_COMMENT, f"event {event}".encode()), _flags(direction))
        head = _PACKET.pack(interface, high & 0xFFFFFFFF, low, len(frame), length)
        self._write(_block(_PACKET_TYPE, head + _padded(frame), *options))


def _section(application: str, comment: str) -> bytes:
    body = _SECTION.pack(_BYTE_ORDER, _MAJOR, _MINOR, _LENGTH_UNKNOWN)
    options = (
        _option(_COMMENT, comment.encode()),
        _option(_USER_APPLICATION, application.encode()),
    )
    return _block(_SECTION_TYPE, body, *options)


def _interface(name: str, mac: bytes) -> bytes:
    body = _INTERFACE.pack(_LINKTYPE_ETHERNET, 0, _SNAPLEN_UNLIMITED)
    options = (
        _option(_IF_NAME, name.encode()),
        _option(_IF_MAC, mac),
        _option(_IF_RESOLUTION, _NANOSECONDS),
    )
    return _block(_INTERFACE_TYPE, body, *options)


def _flags(direction: int) -> bytes:
    return _option(_FLAGS, _U32.pack(direction))


def _option(code: int, value: bytes) -> bytes:
    value = value[:_OPTION_BYTES_MAX]
    return _OPTION.pack(code, len(value)) + _padded(value)


def _block(kind: int, body: bytes, *options: bytes) -> bytes:
    body = b"".join((body, *options, _OPTION.pack(0, 0)))
    size = _BLOCK.size + len(body) + _U32.size
    return _BLOCK.pack(kind, size) + body + _U32.pack(size)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
