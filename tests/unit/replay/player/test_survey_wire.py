"""Messages of a survey: they arrive as they were, and nonsense is refused."""

from __future__ import annotations

import contextlib
import io
from array import array
from collections import deque

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.player.given_log import Chunk
from replay.player.survey_wire import (
    BadMessage,
    ConsoleSeen,
    GivenSeen,
    Message,
    MessageReader,
    Reached,
    Request,
    encode_message,
    encode_request,
    read_request,
)
from replay.player.verdict import CannotReplay, Diverged, Faithful, Incomplete

MESSAGES: list[Message] = [
    ConsoleSeen(Chunk(array("Q", (1, 5)), array("Q", (2, 9)), array("Q", (2, 1)), b"abc")),
    GivenSeen(Chunk(array("Q", (0,)), array("Q", (0,)), array("Q", (0,)), b"")),
    Reached(7),
    Reached(7),
    Faithful(3, 1, 255, "why"),
    Incomplete(3, 0, "damage"),
    Diverged(4, "a", "b"),
    CannotReplay("no\N{SNOWMAN}"),
]


def numbers(*values: int) -> bytes:
    return array("Q", values).tobytes()


@given(st.lists(st.integers(1, 40), max_size=10))
def test_messages_arrive_in_pieces_of_any_size(sizes: list[int]) -> None:
    data = b"".join(map(encode_message, MESSAGES))
    reader, arrived = MessageReader(), []
    for size in [*sizes, len(data)]:
        arrived += reader.feed(data[:size])
        data = data[size:]
    assert arrived == MESSAGES


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        ["Nothing", 1],
        ["Reached", -1],
        ["Reached", 1 << 63],
        ["Reached", "x"],
        ["Faithful", 1, 2],
        ["Faithful", 1, 2, -3, ""],
        ["Faithful", 1, 2, "3", ""],
        ["CannotReplay", b"x"],
        ["CannotReplay", "x" * 20_000],
        {"a": 1},
        ["GivenSeen", numbers(1), numbers(1), numbers(1), b""],
        ["GivenSeen", numbers(1), numbers(0), numbers(1), b"x"],
        ["GivenSeen", numbers(1), numbers(1, 2), numbers(1), b"x"],
        ["GivenSeen", numbers(2, 1), numbers(1, 1), numbers(1, 1), b"xy"],
        ["GivenSeen", numbers(), numbers(), numbers(), b""],
        ["GivenSeen", numbers(1 << 63), numbers(1), numbers(1), b"x"],
        ["ConsoleSeen", b"odd", numbers(1), numbers(1), b"x"],
        ["ConsoleSeen", numbers(1), numbers(1), numbers(1), "x"],
    ],
)
def test_nonsense_is_refused(value: object) -> None:
    with pytest.raises(BadMessage):
        list(MessageReader().feed(msgpack.packb(value)))


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_refused(data: bytes) -> None:
    reader = MessageReader()
    with contextlib.suppress(BadMessage):
        list(reader.feed(data))


def test_one_message_cannot_take_all_memory() -> None:
    reader = MessageReader()
    endless = (b"\x95\xc6\xff\xff\xff\xff" + bytes(256 << 10) for _ in range(100))
    with pytest.raises(BadMessage):
        deque((list(reader.feed(data)) for data in endless), maxlen=0)


def test_events_go_on_where_they_were() -> None:
    reader = MessageReader()
    list(reader.feed(encode_message(MESSAGES[0])))
    with pytest.raises(BadMessage):
        list(reader.feed(encode_message(MESSAGES[0])))
    list(reader.feed(encode_message(Reached(9))))
    with pytest.raises(BadMessage):
        list(reader.feed(encode_message(Reached(8))))


@pytest.mark.parametrize(
    "request_", [Request("a\udcff.mp", "auto"), Request("b", "x", b"guest", b"--flag", follow=True)]
)
def test_a_request_arrives(request_: Request) -> None:
    data = encode_request(request_)
    assert read_request(io.BytesIO(data).read) == request_
    with pytest.raises(EOFError):
        read_request(io.BytesIO(data[:-1]).read)


def test_too_large_a_request_is_none() -> None:
    with pytest.raises(EOFError):
        read_request(io.BytesIO(b"\xff" * 100).read)


def test_long_texts_are_cut() -> None:
    (message,) = MessageReader().feed(encode_message(CannotReplay("x" * 100_000)))
    assert message == CannotReplay("x" * 4096)
