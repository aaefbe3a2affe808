"""The payload of one block of events or digests, taken apart as a whole.

``stream`` does the same for a replay, one event at a time and faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from traces.errors import BadEvent
from traces.events import StateDigest
from traces.limits import BLOCK_BYTES, DIGEST_BYTES_MAX, U64_MAX
from traces.packing import Malformed, OutOfData, new_event_unpacker, unpack_single_event


def unpack_events(payload: bytes) -> Iterator[list[object]]:
    """The arrays in ``payload``, whose fields nobody has checked; raises BadEvent."""
    try:
        yield from _arrays(payload)
    except OutOfData:
        raise BadEvent("the last one of a block is cut off") from None
    except Malformed as error:
        raise BadEvent(f"is not msgpack as the format allows it ({error})") from error


def unpack_digests(payload: bytes) -> Iterator[StateDigest]:
    """The digests in ``payload``; raises BadEvent."""
    for array in unpack_events(payload):
        match array:
            case [int(event), bytes(registers), bytes(memory), *_]:
                sized = max(len(registers), len(memory)) <= DIGEST_BYTES_MAX
                if sized and 0 <= event <= U64_MAX:
                    yield StateDigest(event, registers, memory)
                    continue
        raise BadEvent("a digest is not [event, registers, memory]")


def _arrays(payload: bytes) -> Iterator[list[object]]:
    if len(payload) > BLOCK_BYTES:
        yield unpack_single_event(payload)
        return
    unpacker = new_event_unpacker()
    unpacker.feed(payload)
    while unpacker.tell() < len(payload):
        array = unpacker.unpack()
        if type(array) is not list:
            raise ValueError("not an array")
        yield cast("list[object]", array)
