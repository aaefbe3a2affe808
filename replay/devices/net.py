"""Network devices on TAP interfaces."""

from __future__ import annotations

import os
from collections.abc import Mapping

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from replay.devices.tap import Interface
from replay.machine.errors import DeviceFailure

_OK, _AGAIN, _EINVAL = 0, 1, 2
_FRAME_BYTES_MAX = 128 << 10
"""More than any frame (an MTU is at most 65535), so that a guest cannot ask for a huge buffer."""


class NetDevices:
    """All network devices of a guest: non-blocking interfaces by handle."""

    def __init__(self, interfaces: Mapping[int, Interface]) -> None:
        self._interfaces = interfaces

    def read(self, call: NetRead) -> NetFrame:
        """One frame, cut to the length asked for; AGAIN when there is none."""
        interface = self._interfaces.get(call.handle)
        if interface is None:
            return NetFrame(_EINVAL, b"")
        try:
            data = os.read(interface.fd, min(call.length, _FRAME_BYTES_MAX))
        except BlockingIOError:
            return NetFrame(_AGAIN, b"")
        except OSError as error:
            what = f"cannot read from interface {interface.name}: {error.strerror}"
            raise DeviceFailure(what) from error
        return NetFrame(_OK, data) if data else NetFrame(_AGAIN, b"")

    def write(self, call: NetWrite) -> IoStatus:
        """Send one frame; a host error or a short write ends the run, as upstream has it."""
        interface = self._interfaces.get(call.handle)
        if interface is None:
            return IoStatus(_EINVAL)
        size = len(call.data)
        try:
            written = os.write(interface.fd, call.data)
        except OSError as error:
            raise DeviceFailure(
                f"interface {interface.name} does not take a frame of {size} bytes: "
                f"{error.strerror}"
            ) from error
        if written != size:
            raise DeviceFailure(
                f"interface {interface.name} took {written} of {size} bytes of a frame"
            )
        return IoStatus(_OK)
