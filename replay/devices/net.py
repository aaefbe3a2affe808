"""Network devices on TAP interfaces."""

from __future__ import annotations

import os
from collections.abc import Mapping

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from replay.devices.host_errors import HostErrorPolicy, ends_the_run
from replay.devices.tap import Interface

_OK, _AGAIN, _EINVAL = 0, 1, 2
_FRAME_BYTES_MAX = 128 << 10
"""More than any frame (an MTU is at most 65535), so that a guest cannot ask for a huge buffer."""


class NetDevices:
    """All network devices of a guest: non-blocking interfaces by handle, and what to do when one
    does not read or write as it should."""

    def __init__(
        self, interfaces: Mapping[int, Interface], on_error: HostErrorPolicy = ends_the_run
    ) -> None:
        self._interfaces = interfaces
        self._on_error = on_error

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
            return NetFrame(self._on_error(what), b"")
        return NetFrame(_OK, data) if data else NetFrame(_AGAIN, b"")

    def write(self, call: NetWrite) -> IoStatus:
        """Send one frame; a short write is an error too."""
        interface = self._interfaces.get(call.handle)
        if interface is None:
            return IoStatus(_EINVAL)
        size = len(call.data)
        try:
            written = os.write(interface.fd, call.data)
        except OSError as error:
            why = f"does not take a frame of {size} bytes: {error.strerror}"
            return IoStatus(self._on_error(f"interface {interface.name} {why}"))
        if written != size:
            why = f"took {written} of {size} bytes of a frame"
            return IoStatus(self._on_error(f"interface {interface.name} {why}"))
        return IoStatus(_OK)
