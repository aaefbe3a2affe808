"""Calls to block devices. A handle is the device's index in the manifest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockRead:
    """Read ``length`` bytes at byte ``offset``; answered by ``BlockData``."""

    handle: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class BlockWrite:
    """Write ``data`` at byte ``offset``; answered by ``IoStatus``."""

    handle: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockData:
    """``status`` is a SOLO5_R_* value (0 OK, 2 EINVAL); ``data`` is empty unless it is 0."""

    status: int
    data: bytes
