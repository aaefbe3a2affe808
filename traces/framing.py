"""Blocks as bytes: lengths, checksums, compression, the trailer; no input or output.

Behind its header a file is a sequence of blocks, each of them the msgpack array
``[tag, first_event, count, codec, crc32c, payload]``. The checksum is the CRC32C of the first four
fields as they are encoded, followed by the payload as it is stored.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from google_crc32c import extend

from traces.errors import DAMAGED, Corrupt, LimitExceeded, Truncated
from traces.limits import (
    BLOCK_BYTES,
    COMPRESS_BYTES_MIN,
    EVENT_BYTES_MAX,
    INDEX_BYTES_MAX,
    WINDOW_BYTES_MAX,
)
from traces.packing import new_packer

HEADER_SEAL: Final = "H"
GUEST: Final = "G"
REDACTED: Final = "R"
EVENTS: Final = "E"
DIGESTS: Final = "d"
SUMMARY: Final = "S"
INDEX: Final = "i"
TRAILER: Final = "T"

CODEC_NONE: Final = 0
CODEC_ZSTD: Final = 1

TRAILER_BYTES: Final = 45
_TRAILER_PAYLOAD = struct.Struct(">QQ8s")
_TRAILER_MAGIC = b"S5R-END\n"
# The trailer's first_event is always the 9-byte form, so that every trailer has the same size.
_TRAILER_HEAD = struct.Struct(">2sBQBB")
_TRAILER_CRC = struct.Struct(">BIBB")
_UNSIGNED = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}

_INFLATED_MAX = {
    HEADER_SEAL: 32,
    GUEST: BLOCK_BYTES,
    REDACTED: BLOCK_BYTES,
    DIGESTS: BLOCK_BYTES,
    SUMMARY: BLOCK_BYTES,
    INDEX: INDEX_BYTES_MAX,
    TRAILER: _TRAILER_PAYLOAD.size,
}


@dataclass(frozen=True, slots=True)
class BlockHead:
    """A block without its payload: where it stands, what it announces, and its head's CRC32C."""

    tag: str
    first_event: int
    count: int
    codec: int
    crc32c: int
    head_crc32c: int
    offset_bytes: int
    head_bytes: int
    payload_bytes: int

    @property
    def payload_offset_bytes(self) -> int:
        """Where the payload begins in the file."""
        return self.offset_bytes + self.head_bytes

    @property
    def end_bytes(self) -> int:
        """Where the next block begins in the file."""
        return self.payload_offset_bytes + self.payload_bytes

    @property
    def required(self) -> bool:
        """Whether a reader that does not know the tag must refuse the trace."""
        return self.tag.isupper()

    @property
    def inflated_bytes_max(self) -> int:
        """The most bytes that the payload may stand for."""
        if self.tag == EVENTS:
            return EVENT_BYTES_MAX if self.count == 1 else BLOCK_BYTES
        return _INFLATED_MAX.get(self.tag, EVENT_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last object of a finished trace: the number of events, and where two blocks begin."""

    event_count: int
    index_offset_bytes: int
    summary_offset_bytes: int


class BlockEncoder:
    """Makes blocks; equal items give equal bytes."""

    __slots__ = ("_compressor", "_pack")

    def __init__(self) -> None:
        self._pack = new_packer()
        self._compressor: object = None

    def encode(self, tag: str, first_event: int, count: int, data: bytes | bytearray) -> bytes:
        """One block with ``data``, compressed where that makes it smaller."""
        codec, payload = self._deflate(bytes(data))
        fields = self._pack([tag, first_event, count, codec])[1:]
        crc = extend(extend(0, fields), payload)
        return b"".join((b"\x96", fields, self._pack(crc), _bytes_head(len(payload)), payload))

    def _deflate(self, data: bytes) -> tuple[int, bytes]:
        if len(data) < COMPRESS_BYTES_MIN:
            return CODEC_NONE, data
        import zstandard

        if not isinstance(self._compressor, zstandard.ZstdCompressor):
            self._compressor = zstandard.ZstdCompressor(level=1)
        packed = self._compressor.compress(data)
        return (CODEC_ZSTD, packed) if len(packed) < len(data) else (CODEC_NONE, data)


def encode_trailer(trailer: Trailer) -> bytes:
    """The ``TRAILER_BYTES`` bytes of a trailer."""
    fields = _TRAILER_HEAD.pack(b"\xa1T", 0xCF, trailer.event_count, 0, CODEC_NONE)
    places = (trailer.index_offset_bytes, trailer.summary_offset_bytes)
    payload = _TRAILER_PAYLOAD.pack(*places, _TRAILER_MAGIC)
    crc = extend(extend(0, fields), payload)
    return b"\x96" + fields + _TRAILER_CRC.pack(0xCE, crc, 0xC4, len(payload)) + payload


def parse_trailer(data: bytes) -> Trailer | None:
    """The trailer in the last ``TRAILER_BYTES`` bytes of a file, or None: it has none."""
    if len(data) != TRAILER_BYTES or not data.endswith(_TRAILER_MAGIC):
        return None
    event_count = int.from_bytes(data[4:12])
    index_at, summary_at, _ = _TRAILER_PAYLOAD.unpack(data[-_TRAILER_PAYLOAD.size :])
    trailer = Trailer(event_count, index_at, summary_at)
    return trailer if encode_trailer(trailer) == data else None


def parse_block_head(window: bytes, offset_bytes: int) -> BlockHead:
    """The head of the block that begins at ``offset_bytes`` of the file and of ``window``.

    ``window`` holds BLOCK_HEAD_BYTES_MAX bytes or all that the file has. Raises Truncated where
    the window ends too early, Corrupt where no block stands, LimitExceeded for its sizes.
    """
    if window[:1] != b"\x96" and window:
        raise Corrupt("no block begins here", offset_bytes=offset_bytes, hint=DAMAGED)
    head = _HeadReader(window, offset_bytes)
    tag = head.tag()
    first_event, count, codec = head.unsigned(), head.unsigned(), head.unsigned()
    head_crc = extend(0, window[1 : head.at])
    crc = head.unsigned()
    size = head.length()
    block = BlockHead(tag, first_event, count, codec, crc, head_crc, offset_bytes, head.at, size)
    if size > block.inflated_bytes_max:
        limit = block.inflated_bytes_max
        what = f"bytes of a block {tag!r}"
        raise LimitExceeded(what, limit=limit, actual=size, offset_bytes=offset_bytes)
    return block


class _HeadReader:
    """Takes a block's head apart; ``at`` is the next byte."""

    __slots__ = ("_offset_bytes", "_window", "at")

    def __init__(self, window: bytes, offset_bytes: int) -> None:
        self._window = window
        self._offset_bytes = offset_bytes
        self.at = 1

    def tag(self) -> str:
        head, tag = self._take(2)
        if head != 0xA1 or not chr(tag).isascii() or not chr(tag).isalpha():
            raise self._corrupt("tag")
        return chr(tag)

    def unsigned(self) -> int:
        (head,) = self._take(1)
        if head < 0x80:
            return head
        if head not in _UNSIGNED:
            raise self._corrupt("number")
        return int.from_bytes(self._take(_UNSIGNED[head]))

    def length(self) -> int:
        (head,) = self._take(1)
        if head not in _BYTES:
            raise self._corrupt("payload")
        return int.from_bytes(self._take(_BYTES[head]))

    def _take(self, size: int) -> bytes:
        data = self._window[self.at : self.at + size]
        if len(data) < size:
            raise Truncated("the file ends inside a block", offset_bytes=self._offset_bytes)
        self.at += size
        return data

    def _corrupt(self, part: str) -> Corrupt:
        return Corrupt(
            f"a block's {part} is damaged", offset_bytes=self._offset_bytes, hint=DAMAGED
        )


def open_payload(head: BlockHead, payload: bytes) -> bytes:
    """The inflated payload of ``head``; raises Corrupt or LimitExceeded for a damaged one."""
    at = head.offset_bytes
    if extend(head.head_crc32c, payload) != head.crc32c:
        raise Corrupt(f"checksum of block {head.tag!r} is wrong", offset_bytes=at, hint=DAMAGED)
    match head.codec:
        case 0:
            return payload
        case 1:
            return _inflate(head, payload)
        case other:
            raise Corrupt(
                f"block {head.tag!r} is stored with codec {other}, unknown to this version",
                offset_bytes=at,
                hint="a newer solo5-replay may read it",
            )


def _inflate(head: BlockHead, payload: bytes) -> bytes:
    import zstandard

    at, limit = head.offset_bytes, head.inflated_bytes_max
    try:
        size = zstandard.get_frame_parameters(payload).content_size
        if size > limit:
            what = f"inflated bytes of block {head.tag!r}"
            raise LimitExceeded(what, limit=limit, actual=size, offset_bytes=at)
        inflater = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
        with inflater.stream_reader(payload) as stream:
            data = stream.read(size + 1)
    except zstandard.ZstdError as error:
        what = f"block {head.tag!r} cannot be inflated ({error})"
        raise Corrupt(what, offset_bytes=at, hint=DAMAGED) from error
    if len(data) != size:
        what = f"block {head.tag!r} inflates to {len(data)} bytes instead of {size}"
        raise Corrupt(what, offset_bytes=at, hint=DAMAGED)
    return data


def _bytes_head(size: int) -> bytes:
    """The head of a msgpack byte string of ``size`` bytes, in its shortest form."""
    if size < 0x100:
        return struct.pack(">BB", 0xC4, size)
    if size < 0x10000:
        return struct.pack(">BH", 0xC5, size)
    return struct.pack(">BI", 0xC6, size)
