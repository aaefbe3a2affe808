"""Plain msgpack with bounds: the only module that touches the msgpack library.

What is read here comes from files that nobody vouches for, so that every reader has limits and
everything that the library raises for bad bytes becomes ``Malformed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, cast

import msgpack  # type: ignore[import-untyped]

from traces.limits import BLOCK_BYTES, EVENT_FIELDS_MAX, HEADER_BYTES_MAX, HEADER_ITEMS_MAX

OutOfData: type[Exception] = msgpack.OutOfData
"""What ``EventUnpacker.unpack`` raises when everything that was fed has been taken."""

Malformed = (ValueError, OverflowError, RecursionError)
"""What the library raises for bytes that are not msgpack or go beyond a limit."""


_FIXARRAY = 0x90


class EventUnpacker(Protocol):
    """An incremental reader of objects; ``tell()`` counts the bytes of those taken."""

    def feed(self, data: bytes | bytearray | memoryview) -> None: ...

    def unpack(self) -> object: ...

    def tell(self) -> int: ...

    def read_bytes(self, count: int) -> bytes: ...


def new_packer() -> Callable[[object], bytes]:
    """A function that packs one value into the shortest msgpack; OverflowError beyond 64 bits."""
    return cast("Callable[[object], bytes]", msgpack.Packer().pack)


def new_event_unpacker() -> EventUnpacker:
    """A reader of short arrays of numbers and byte strings, fed with at most a block at a time.

    Arrays may still hold arrays: ``BLOCK_BYTES`` of them take some 20 MB.
    """
    unpacker = msgpack.Unpacker(
        max_buffer_size=4 * BLOCK_BYTES,
        max_array_len=EVENT_FIELDS_MAX,
        max_map_len=0,
        max_str_len=0,
        max_ext_len=0,
    )
    return cast("EventUnpacker", unpacker)


def unpack_single_event(data: bytes) -> list[object]:
    """The one flat array in ``data``, of any size; raises ``Malformed`` or ``OutOfData``."""
    count = data[0] - _FIXARRAY if data else -1
    if not 0 < count <= EVENT_FIELDS_MAX:
        raise ValueError("not a short array")
    fields = _flat_unpacker(memoryview(data)[1:])
    array = [fields.unpack() for _ in range(count)]
    if fields.tell() != len(data) - 1:
        raise ValueError("bytes are left over")
    return array


def unpack_unsigned(data: bytes) -> Iterator[int]:
    """The unsigned integers that ``data`` consists of; raises ``Malformed``."""
    numbers = _flat_unpacker(memoryview(data))
    while numbers.tell() < len(data):
        try:
            number = numbers.unpack()
        except OutOfData:
            raise ValueError("the last number is cut off") from None
        if type(number) is not int or number < 0:
            raise ValueError(f"{number!r} is not an unsigned integer")
        yield number


def _flat_unpacker(data: memoryview) -> EventUnpacker:
    """A reader of numbers, byte strings and nil, and of nothing that could hold others."""
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(data), 1),
        max_array_len=0,
        max_map_len=0,
        max_str_len=0,
        max_ext_len=0,
    )
    unpacker.feed(data)
    return cast("EventUnpacker", unpacker)


def new_header_unpacker(data: bytes) -> HeaderUnpacker:
    """A reader of one map with text keys in ``data``, which is not copied further than its end."""
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(data), 1),
        max_array_len=HEADER_ITEMS_MAX,
        max_map_len=HEADER_ITEMS_MAX,
        max_str_len=HEADER_BYTES_MAX,
        max_bin_len=HEADER_BYTES_MAX,
        max_ext_len=0,
        strict_map_key=True,
        raw=False,
    )
    unpacker.feed(data)
    return cast("HeaderUnpacker", unpacker)


class HeaderUnpacker(EventUnpacker, Protocol):
    """An incremental reader that can also take a map apart."""

    def read_map_header(self) -> int: ...


def unpack_value(data: bytes) -> object:
    """The one value in ``data``, of at most ``HEADER_BYTES_MAX`` bytes; raises ``Malformed``."""
    if len(data) > HEADER_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes are more than {HEADER_BYTES_MAX}")
    value: object = msgpack.unpackb(data, strict_map_key=True, raw=False, max_ext_len=0)
    return value
