from __future__ import annotations

import random

import msgpack
import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from traces import framing
from traces.errors import Corrupt, DamagedTrace, LimitExceeded, Truncated
from traces.framing import (
    BlockEncoder,
    Trailer,
    encode_trailer,
    open_payload,
    parse_block_head,
    parse_trailer,
)
from traces.limits import (
    BLOCK_BYTES,
    BLOCK_HEAD_BYTES_MAX,
    COMPRESS_BYTES_MIN,
    EVENT_BYTES_MAX,
)

U64 = st.integers(0, 2**64 - 1)
NOISE = random.Random(1).randbytes(1000)


def parse(block: bytes, offset_bytes: int = 0) -> framing.BlockHead:
    return parse_block_head(block[:BLOCK_HEAD_BYTES_MAX], offset_bytes)


def payload_of(block: bytes) -> bytes:
    head = parse(block)
    return open_payload(head, block[head.payload_offset_bytes : head.end_bytes])


@given(first=U64, count=U64, data=st.binary(max_size=2000), repeat=st.integers(1, 50))
def test_round_trip(first: int, count: int, data: bytes, repeat: int) -> None:
    block = BlockEncoder().encode("E", first, count, data * repeat)
    head = parse(block, 0)
    assert (head.tag, head.first_event, head.count) == ("E", first, count)
    assert head.end_bytes == len(block)
    assert payload_of(block) == data * repeat


@given(first=U64, count=U64, data=st.binary(max_size=200))
def test_blocks_are_plain_msgpack(first: int, count: int, data: bytes) -> None:
    block = BlockEncoder().encode("E", first, count, data)
    tag, first_event, items, codec, crc, payload = msgpack.unpackb(block)
    assert msgpack.packb([tag, first_event, items, codec, crc, payload]) == block
    fields = b"".join(msgpack.packb(field) for field in (tag, first_event, items, codec))
    assert crc == crc32c(fields + payload)


def test_offsets_count_from_the_start_of_the_file() -> None:
    block = BlockEncoder().encode("d", 3, 1, b"data")
    head = parse_block_head(block, 1000)
    assert head.payload_offset_bytes == 1000 + len(block) - 4
    assert head.end_bytes == 1000 + len(block)


def test_small_or_dense_payloads_are_not_compressed() -> None:
    encoder = BlockEncoder()
    assert parse(encoder.encode("E", 0, 1, bytes(COMPRESS_BYTES_MIN - 1))).codec == 0
    assert parse(encoder.encode("E", 0, 1, bytes(COMPRESS_BYTES_MIN))).codec == 1
    assert parse(encoder.encode("E", 0, 1, NOISE)).codec == 0


def test_upper_case_is_required() -> None:
    encoder = BlockEncoder()
    assert parse(encoder.encode("X", 0, 0, b"")).required
    assert not parse(encoder.encode("x", 0, 0, b"")).required


def test_every_prefix_of_a_head_is_truncated() -> None:
    block = BlockEncoder().encode("E", 2**40, 2**40, bytes(1000))
    head = parse(block)
    for size in range(head.head_bytes):
        with pytest.raises(Truncated):
            parse_block_head(block[:size], 0)


@pytest.mark.parametrize(
    "head",
    [
        b"\x95\xa1E\x00\x01\x00\x00\xc4\x00",
        b"\x96\xa2EE\x00\x01\x00\x00\xc4\x00",
        b"\x96\xa1\xff\x00\x01\x00\x00\xc4\x00",
        b"\x96\xa11\x00\x01\x00\x00\xc4\x00",
        b"\x96\xa1E\xff\x01\x00\x00\xc4\x00",
        b"\x96\xa1E\x00\xc0\x00\x00\xc4\x00",
        b"\x96\xa1E\x00\x01\x00\x00\xa0\x00",
    ],
)
def test_other_heads_are_corrupt(head: bytes) -> None:
    with pytest.raises(Corrupt):
        parse_block_head(head, 5)


def test_any_bit_flip_in_a_block_is_found() -> None:
    block = BlockEncoder().encode("E", 5, 3, b"some payload" * 20)
    for bit in range(len(block) * 8):
        damaged = bytearray(block)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedTrace):
            payload_of(bytes(damaged) + NOISE)


@pytest.mark.parametrize(
    ("tag", "count", "limit"),
    [("E", 2, BLOCK_BYTES), ("E", 1, EVENT_BYTES_MAX), ("G", 1, BLOCK_BYTES), ("T", 0, 24)],
)
def test_announced_sizes_are_bounded(tag: str, count: int, limit: int) -> None:
    head = msgpack.packb([tag, 0, count, 0, 0]).replace(b"\x95", b"\x96", 1)
    with pytest.raises(LimitExceeded) as caught:
        parse_block_head(head + b"\xc6" + (limit + 1).to_bytes(4), 0)
    assert caught.value.limit == limit
    assert parse_block_head(head + b"\xc6" + limit.to_bytes(4), 0).payload_bytes == limit


def test_inflated_sizes_are_bounded() -> None:
    block = BlockEncoder().encode("E", 0, 2, bytes(BLOCK_BYTES + 1))
    with pytest.raises(LimitExceeded):
        payload_of(block)


def frame_block(frame: bytes) -> bytes:
    fields = msgpack.packb(["E", 0, 2, 1])[1:]
    return b"\x96" + fields + msgpack.packb(crc32c(fields + frame)) + msgpack.packb(frame)


def test_frames_must_carry_their_size_and_be_whole() -> None:
    import zstandard

    data = bytes(range(256)) * 8
    sized = zstandard.ZstdCompressor().compress(data)
    assert payload_of(frame_block(sized)) == data
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(data)
    for frame in (unsized, sized[:-5], b"no frame", b"", sized[:8] + b"\xff" * 8):
        with pytest.raises(DamagedTrace):
            payload_of(frame_block(frame))


def test_unknown_codec_is_named() -> None:
    fields = msgpack.packb(["E", 0, 1, 9])[1:]
    block = b"\x96" + fields + msgpack.packb(crc32c(fields + b"x")) + msgpack.packb(b"x")
    with pytest.raises(Corrupt, match="codec 9"):
        payload_of(block)


@given(count=U64, index=U64, summary=U64)
def test_trailers_have_one_size_and_are_blocks(count: int, index: int, summary: int) -> None:
    trailer = Trailer(count, index, summary)
    data = encode_trailer(trailer)
    assert len(data) == framing.TRAILER_BYTES
    assert parse_trailer(data) == trailer
    assert msgpack.unpackb(data)[:2] == ["T", count]
    assert len(payload_of(data)) == 24


def test_any_change_of_a_trailer_makes_it_none() -> None:
    data = encode_trailer(Trailer(5, 6, 7))
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        assert parse_trailer(bytes(damaged)) is None
    assert parse_trailer(data[1:]) is None
