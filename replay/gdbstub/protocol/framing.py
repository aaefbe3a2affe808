"""Packets in a stream of bytes, both ways: delimiters, checksums, escapes, runs, acknowledgements.

Source: "Debugging with GDB", appendix E.1. Nothing here raises on what a client sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PACKET_BYTES_MAX = 0x100000
"""Of one packet's data, as it travels and as it is meant; told to the client as PacketSize."""

ACK, NACK = b"+", b"-"

_DOLLAR, _HASH, _ESCAPE, _INTERRUPT, _NACK = b"$#}\x03-"
_ESCAPE_BIT = 0x20
_SPECIAL = re.compile(rb"[#$}*]")
_CODED = re.compile(rb"[}*]")
_CHECKSUM_CHARS = 2
_RUN_BIAS = 29
_RUN_MIN, _RUN_MAX = 3, 97


@dataclass(frozen=True, slots=True)
class Packet:
    """The data of one sound packet, without escapes and runs."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """A packet that cannot be used, and why; ``garbled`` on its way it may come through the next
    time."""

    why: str
    garbled: bool = False


@dataclass(frozen=True, slots=True)
class InterruptAsked:
    """The byte 0x03 between packets: the client wants the guest to stop."""


@dataclass(frozen=True, slots=True)
class ResendAsked:
    """The client has not understood the last packet."""


Item = Packet | Malformed | InterruptAsked | ResendAsked


class Unframer:
    """Cuts what a client sends into items, however the bytes arrive; it keeps at most one packet of
    the size allowed."""

    def __init__(self, limit: int = PACKET_BYTES_MAX) -> None:
        self._limit = limit
        self._data = bytearray()
        self._inside = False
        self._scanned = 0
        self._oversize = False

    def feed(self, data: bytes) -> Iterator[Item]:
        """Take the next bytes of the stream; the items that they complete."""
        self._data += data
        while self._data:
            waiting = self._inside
            item = self._inner() if waiting else self._outer()
            if item is not None:
                yield item
            elif waiting:
                return

    def _outer(self) -> Item | None:
        """One byte between packets; acknowledgements and noise mean nothing."""
        byte = self._data.pop(0)
        if byte == _DOLLAR:
            self._inside, self._scanned, self._oversize = True, 0, False
        if byte == _INTERRUPT:
            return InterruptAsked()
        return ResendAsked() if byte == _NACK else None

    def _inner(self) -> Item | None:
        """The packet that has begun, when all of it is there."""
        end = self._data.find(_HASH, self._scanned)
        if end < 0:
            self._scanned = len(self._data)
            self._bound()
            return None
        if len(self._data) < end + 1 + _CHECKSUM_CHARS:
            self._scanned = end
            return None
        body = bytes(self._data[:end])
        checksum = bytes(self._data[end + 1 : end + 1 + _CHECKSUM_CHARS])
        del self._data[: end + 1 + _CHECKSUM_CHARS]
        self._inside = False
        if self._oversize or end > self._limit:
            return Malformed(f"a packet of more than {self._limit} bytes")
        return self._packet(body, checksum)

    def _bound(self) -> None:
        """Forget the data of a packet that is too long, and wait for its end."""
        if len(self._data) > self._limit:
            self._data.clear()
            self._scanned, self._oversize = 0, True

    def _packet(self, body: bytes, checksum: bytes) -> Packet | Malformed:
        body = body[body.rfind(_DOLLAR) + 1 :]  # one that was cut off and sent again
        if checksum.lower() != (own := _checksum(body)):
            said = checksum.decode(errors="backslashreplace")
            why = f"a packet with the checksum {own.decode()} said to be {said}"
            return Malformed(why, garbled=True)
        data = _decode(body, self._limit)
        return Malformed("a packet with a broken escape or run") if data is None else Packet(data)


def frame(data: bytes) -> bytes:
    """``data`` as a packet on the wire."""
    body = _SPECIAL.sub(lambda match: bytes((_ESCAPE, match[0][0] ^ _ESCAPE_BIT)), data)
    return b"$" + body + b"#" + _checksum(body)


def frame_length(data: bytes) -> int:
    """How many bytes ``data`` takes on the wire between the delimiters."""
    return len(data) + len(_SPECIAL.findall(data))


def _checksum(body: bytes) -> bytes:
    return b"%02x" % (sum(body) & 0xFF)


def _decode(body: bytes, limit: int) -> bytes | None:
    """Without escapes and runs; None where they are broken or ask for too much."""
    out = bytearray()
    at = 0
    while (match := _CODED.search(body, at)) is not None:
        out += body[at : match.start()]
        at = match.end() + 1
        if at > len(body):
            return None
        code = body[at - 1]
        if match[0][0] == _ESCAPE:
            out.append(code ^ _ESCAPE_BIT)
        elif out and _RUN_MIN <= code - _RUN_BIAS <= _RUN_MAX:
            out += out[-1:] * (code - _RUN_BIAS)
        else:
            return None
        if len(out) > limit:
            return None
    return bytes(out + body[at:])
