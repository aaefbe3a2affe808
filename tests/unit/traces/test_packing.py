from __future__ import annotations

import msgpack
import pytest

from traces.limits import BLOCK_BYTES, EVENT_FIELDS_MAX
from traces.packing import (
    Malformed,
    OutOfData,
    new_event_unpacker,
    new_header_unpacker,
    new_packer,
    unpack_single_event,
    unpack_unsigned,
    unpack_value,
)

BOMB = b"\x9f" * 200_000


def test_packer_uses_the_shortest_form() -> None:
    assert new_packer()([1, 127, 128, -1, None, b"x"]) == b"\x96\x01\x7f\xcc\x80\xff\xc0\xc4\x01x"


@pytest.mark.parametrize("bad", [{"a": 1}, "text", list(range(EVENT_FIELDS_MAX + 1))])
def test_events_hold_no_maps_texts_or_long_arrays(bad: object) -> None:
    unpacker = new_event_unpacker()
    unpacker.feed(msgpack.packb([1, bad]))
    with pytest.raises(Malformed):
        unpacker.unpack()


def test_event_unpacker_takes_a_block_at_a_time_and_not_much_more() -> None:
    unpacker = new_event_unpacker()
    unpacker.feed(bytes(BLOCK_BYTES))
    with pytest.raises(Exception, match=r"(?i)buffer|full|^$"):
        unpacker.feed(bytes(8 * BLOCK_BYTES))


def test_single_event_of_any_size() -> None:
    event = [5, 1, 0, 2**20, 0, bytes(2**20)]
    assert unpack_single_event(msgpack.packb(event)) == event


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x90", BOMB, b"\x92\x01\x91\x01", b"\x91\x01\x01", b"\x91\xa1x"]
)
def test_single_event_is_flat_and_alone(data: bytes) -> None:
    with pytest.raises((*Malformed, OutOfData)):
        unpack_single_event(data)


def test_single_event_that_is_cut_off() -> None:
    with pytest.raises(OutOfData):
        unpack_single_event(b"\x92\x01")


def test_unsigned_integers() -> None:
    data = b"".join(msgpack.packb(n) for n in (0, 200, 2**64 - 1))
    assert list(unpack_unsigned(data)) == [0, 200, 2**64 - 1]
    assert list(unpack_unsigned(b"")) == []


@pytest.mark.parametrize("data", [b"\xff", b"\xcd\x01", b"\x91\x01", b"\xc3", BOMB])
def test_anything_else_is_no_unsigned_integer(data: bytes) -> None:
    with pytest.raises(Malformed):
        list(unpack_unsigned(data))


@pytest.mark.parametrize("data", [b"\xc1", BOMB, b"\x81\x01\x02", b"\xd6\x00abcd", b"\xa1\xff"])
def test_values_of_any_other_kind_are_malformed(data: bytes) -> None:
    with pytest.raises((*Malformed, OutOfData)):
        unpack_value(data)


def test_headers_have_text_keys() -> None:
    unpacker = new_header_unpacker(msgpack.packb({"a": {"b": [1]}}))
    assert unpacker.read_map_header() == 1
    assert [unpacker.unpack(), unpacker.unpack()] == ["a", {"b": [1]}]
    inner = new_header_unpacker(b"\x81\x01\x02")
    with pytest.raises(Malformed):
        inner.unpack()
