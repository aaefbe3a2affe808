"""Calls to network devices. A handle is the device's index in the manifest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetRead:
    """Read one frame of at most ``length`` bytes; answered by ``NetFrame``."""

    handle: int
    length: int


@dataclass(frozen=True, slots=True)
class NetWrite:
    """Send one frame, Ethernet header included; answered by ``IoStatus``."""

    handle: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NetFrame:
    """``status`` is a SOLO5_R_* value (0 OK, 1 AGAIN, 2 EINVAL); no ``data`` unless it is 0."""

    status: int
    data: bytes


@dataclass(frozen=True, slots=True)
class IoStatus:
    """A SOLO5_R_* value alone: the answer to writes of block and network devices."""

    status: int
