"""Packets in a stream, however it is cut; and nothing that a client sends is an exception."""

from __future__ import annotations

import random

import pytest

from replay.gdbstub.protocol.framing import (
    InterruptAsked,
    Item,
    Malformed,
    Packet,
    ResendAsked,
    Unframer,
    frame,
    frame_length,
)

LIMIT = 64


def items(data: bytes, limit: int = LIMIT) -> list[Item]:
    return list(Unframer(limit).feed(data))


def packet(body: bytes) -> bytes:
    return b"$%b#%02x" % (body, sum(body) & 0xFF)


def test_a_packet_between_acknowledgements() -> None:
    assert items(b"+$?#3f+") == [Packet(b"?")]


def test_an_empty_packet() -> None:
    assert items(b"$#00") == [Packet(b"")]


def test_every_cut_of_a_stream_gives_the_same() -> None:
    stream = b"+" + packet(b"m0,4") + b"\x03-" + packet(b"X0,2:}\x03}\x04") + packet(b"c")
    expected = [
        Packet(b"m0,4"),
        InterruptAsked(),
        ResendAsked(),
        Packet(b"X0,2:#$"),
        Packet(b"c"),
    ]
    for cut in range(len(stream)):
        unframer = Unframer(LIMIT)
        assert [*unframer.feed(stream[:cut]), *unframer.feed(stream[cut:])] == expected
    unframer = Unframer(LIMIT)
    single = [item for byte in stream for item in unframer.feed(bytes((byte,)))]
    assert single == expected


def test_an_interrupt_byte_inside_a_packet_is_data() -> None:
    assert items(packet(b"X0,1:\x03")) == [Packet(b"X0,1:\x03")]


def test_a_wrong_checksum_is_told() -> None:
    (item,) = items(b"$g#00")
    assert item == Malformed("a packet with the checksum 67 said to be 00", garbled=True)


def test_a_checksum_may_have_capital_letters() -> None:
    assert items(b"$k#6B") == [Packet(b"k")]


def test_a_packet_begun_again_counts_from_there() -> None:
    assert items(b"$m0,$?#3f") == [Packet(b"?")]


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"0* ", b"0000"),
        (b"a*!b", b"aaaaab"),
        (b"}\x0a", b"*"),
        (b"0*~", b"0" * 98),
    ],
)
def test_runs_and_escapes_are_undone(body: bytes, data: bytes) -> None:
    assert items(packet(body), 128) == [Packet(data)]


@pytest.mark.parametrize("body", [b"}", b"*", b"* ", b"0*", b"0*\x1f", b"0*\x7f", b"0*~0*~"])
def test_broken_or_endless_runs_and_escapes_are_told(body: bytes) -> None:
    assert items(packet(body), 98) == [Malformed("a packet with a broken escape or run")]


def test_a_packet_too_long_is_told_once_and_the_next_one_understood() -> None:
    stream = packet(b"x" * 10_000) + packet(b"?")
    expected = [Malformed("a packet of more than 64 bytes"), Packet(b"?")]
    assert items(stream) == expected
    unframer = Unframer(LIMIT)
    assert [item for byte in stream for item in unframer.feed(bytes((byte,)))] == expected


def test_no_more_than_one_packet_is_kept() -> None:
    unframer = Unframer(LIMIT)
    assert not list(unframer.feed(b"$"))
    for _ in range(1000):
        assert not list(unframer.feed(b"y" * 50))
        assert len(unframer._data) <= LIMIT


def test_what_is_framed_can_be_read_again() -> None:
    draw = random.Random(1)
    for _ in range(200):
        data = draw.randbytes(draw.randrange(60))
        assert items(frame(data), 200) == [Packet(data)]
        assert len(frame(data)) == frame_length(data) + 4
