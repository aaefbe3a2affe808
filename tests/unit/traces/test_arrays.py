from __future__ import annotations

import msgpack
import pytest

from traces.arrays import unpack_digests, unpack_events
from traces.errors import BadEvent
from traces.events import StateDigest
from traces.limits import BLOCK_BYTES


def packed(*values: object) -> bytes:
    return b"".join(msgpack.packb(value) for value in values)


def test_arrays_one_after_another() -> None:
    assert list(unpack_events(packed([1, 5], [3, 1, 2]))) == [[1, 5], [3, 1, 2]]
    assert list(unpack_events(b"")) == []


def test_single_large_event() -> None:
    event = [5, 1, 0, BLOCK_BYTES, 0, bytes(BLOCK_BYTES)]
    assert list(unpack_events(packed(event))) == [event]


@pytest.mark.parametrize("data", [b"\x92\x01", b"\x01", b"\xc1", packed([1, 2], "x"), b"\x91\xa1x"])
def test_anything_else_is_typed(data: bytes) -> None:
    with pytest.raises(BadEvent):
        list(unpack_events(data))


def test_digests() -> None:
    found = list(unpack_digests(packed([0, b"r", b"m"], [7, b"", b""], [8, b"r", b"m", b"later"])))
    assert found == [
        StateDigest(0, b"r", b"m"),
        StateDigest(7, b"", b""),
        StateDigest(8, b"r", b"m"),
    ]


@pytest.mark.parametrize("entry", [[0, b"r"], [-1, b"", b""], [0, b"x" * 65, b""], [0, 1, b""], []])
def test_other_digests_are_refused(entry: list[object]) -> None:
    with pytest.raises(BadEvent):
        list(unpack_digests(packed(entry)))
