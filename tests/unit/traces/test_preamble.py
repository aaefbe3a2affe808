from __future__ import annotations

from collections.abc import Callable

import msgpack
import pytest

from traces.errors import Corrupt, LimitExceeded, NotATrace, Truncated
from traces.header import Header, header_to_map
from traces.limits import HEADER_BYTES_MAX
from traces.preamble import encode_header, parse_header, parse_preamble, seal_of


def test_round_trip_with_bytes_behind(make_header: Callable[..., Header]) -> None:
    values = header_to_map(make_header())
    data = encode_header(values)
    assert parse_header(data + b"\x96rest") == (values, len(data))
    preamble = parse_preamble(data)
    assert (preamble.version, preamble.created_by) == ((1, 0), "solo5-replay 0.1.0")


def test_large_map_heads_are_recognised() -> None:
    values = {"format": "solo5-replay trace", "version": [1, 0], "created_by": "x"}
    values |= {f"key{n}": n for n in range(20)}
    data = encode_header(values)
    assert data[0] == 0xDE
    assert parse_header(data) == (values, len(data))


def test_preamble_of_a_future_version_needs_only_three_keys() -> None:
    known = msgpack.packb(
        {"format": "solo5-replay trace", "version": [9, 9], "created_by": "solo5-replay 9.0.0"}
    )
    data = b"\x84" + known[1:] + b"\xc1\xc1\xc1"
    assert parse_preamble(data).version == (9, 9)


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"{}", b"\x80", b"\x81\xa6format\xa1x", b"\x96\xa1H"]
)
def test_other_files_are_no_traces(data: bytes) -> None:
    with pytest.raises((NotATrace, Truncated)):
        parse_preamble(data)


def test_every_prefix_of_a_header_is_truncated(make_header: Callable[..., Header]) -> None:
    data = encode_header(header_to_map(make_header()))
    for size in range(1, len(data)):
        with pytest.raises(Truncated):
            parse_header(data[:size])


@pytest.mark.parametrize(
    "version", [None, "1.0", [1], [1, 0, 0], [0, 1], [-1, 0], [1, 2**33], [1.0, 0], {"a": 1}]
)
def test_bad_versions_are_corrupt(version: object) -> None:
    data = msgpack.packb({"format": "solo5-replay trace", "version": version, "created_by": "x"})
    with pytest.raises(Corrupt):
        parse_preamble(data)


@pytest.mark.parametrize("writer", [None, 5, "x" * 1000])
def test_bad_writers_are_corrupt(writer: object) -> None:
    data = msgpack.packb({"format": "solo5-replay trace", "version": [1, 0], "created_by": writer})
    with pytest.raises(Corrupt):
        parse_preamble(data)


def test_order_of_the_first_keys_is_fixed() -> None:
    data = msgpack.packb({"format": "solo5-replay trace", "created_by": "x", "version": [1, 0]})
    with pytest.raises(Corrupt, match="version"):
        parse_preamble(data)


def test_keys_are_text() -> None:
    data = msgpack.packb(
        {"format": "solo5-replay trace", "version": [1, 0], "created_by": "x", b"k": 1}
    )
    with pytest.raises(Corrupt, match="key"):
        parse_header(data)


def test_headers_have_a_largest_size() -> None:
    values = {"format": "solo5-replay trace", "version": [1, 0], "created_by": "x"}
    too_much = values | {"pad": b"x" * HEADER_BYTES_MAX}
    with pytest.raises(LimitExceeded):
        encode_header(too_much)
    with pytest.raises(LimitExceeded):
        parse_header(msgpack.packb(too_much)[:HEADER_BYTES_MAX])


def test_seal_is_sha256() -> None:
    assert seal_of(b"abc").hex().startswith("ba7816bf8f01cfea")
