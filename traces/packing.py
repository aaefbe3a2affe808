"""Plain msgpack with bounds: the only module that touches the msgpack library.

What is read here comes from files that nobody vouches for, so that every reader has limits and
everything that the library raises for bad bytes becomes ``Malformed``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import msgpack  # type: ignore[import-untyped]

from traces.limits import EVENT_FIELDS_MAX, HEADER_BYTES_MAX, HEADER_ITEMS_MAX

OutOfData: type[Exception] = msgpack.OutOfData
"""What ``EventUnpacker.unpack`` raises when everything that was fed has been taken."""

Malformed = (ValueError, OverflowError, RecursionError)
"""What the library raises for bytes that are not msgpack or go beyond a limit."""


class EventUnpacker(Protocol):
    """An incremental reader of objects; ``tell()`` counts the bytes of those taken."""

    def feed(self, data: bytes | bytearray | memoryview) -> None: ...

    def unpack(self) -> object: ...

    def tell(self) -> int: ...


def new_packer() -> Callable[[object], bytes]:
    """A function that packs one value into the shortest msgpack; OverflowError beyond 64 bits."""
    return cast("Callable[[object], bytes]", msgpack.Packer().pack)


def new_event_unpacker(buffer_bytes_max: int) -> EventUnpacker:
    """A reader of short arrays whose unread bytes may never exceed ``buffer_bytes_max``."""
    unpacker = msgpack.Unpacker(
        max_buffer_size=buffer_bytes_max,
        max_array_len=EVENT_FIELDS_MAX,
        max_map_len=0,
        max_ext_len=0,
    )
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
