"""How many bytes an event moved, and where."""

from __future__ import annotations

from typing import NamedTuple

from monitors.calls.block import BlockData
from monitors.calls.net import NetFrame
from traces.events import BytesDigest, Event, KnownData

CONSOLE_NAME = "console"
_OK = 0
_MOVING = frozenset(("ConsoleWrite", "BlockRead", "BlockWrite", "NetRead", "NetWrite"))


class Transfer(NamedTuple):
    """Bytes seen from the guest; ``device`` is a handle, None for the console. Refused calls move
    nothing."""

    device: int | None
    bytes_in: int
    bytes_out: int


def transfer_of(event: Event) -> Transfer | None:
    """What an event moved; None for calls that never move bytes."""
    if event.call.name not in _MOVING:
        return None
    inputs, result = dict(event.call.fields), event.result
    handle, data = inputs.get("handle"), inputs.get("data")
    device = handle if isinstance(handle, int) else None
    if isinstance(result, KnownData):
        length = inputs.get("length")
        return Transfer(device, length if isinstance(length, int) else 0, 0)
    if getattr(result, "status", _OK) != _OK:
        return Transfer(device, 0, 0)
    if isinstance(result, NetFrame | BlockData):
        return Transfer(device, len(result.data), 0)
    return Transfer(device, 0, data.length if isinstance(data, BytesDigest) else 0)
