"""Network devices on TAP interfaces."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from replay.machine.errors import DeviceFailure

_OK, _AGAIN, _EINVAL = 0, 1, 2
_INTERFACE_NAME_MAX = 15

# linux/if_tun.h and linux/sockios.h; struct ifreq is a 16-byte name and a union of 24 bytes.
_TUNSETIFF = 0x400454CA
_SIOCGIFMTU = 0x8921
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_IFREQ_FLAGS = struct.Struct("16sH22x")
_IFREQ_INT = struct.Struct("16si20x")


class TapInterface:
    """An existing TAP interface, attached without packet information and non-blocking.

    ``mtu`` is the interface's when it was attached.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        encoded = os.fsencode(name)
        if not 0 < len(encoded) <= _INTERFACE_NAME_MAX:
            raise DeviceFailure(
                f"{name!r} is no interface name: 1..{_INTERFACE_NAME_MAX} characters"
            )
        self.mtu = self._read_mtu(encoded)
        self.fd = self._attach(encoded)

    def _read_mtu(self, name: bytes) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFMTU, _IFREQ_INT.pack(name, 0))
            except OSError as error:
                raise DeviceFailure(
                    f"no such interface {self.name}: {error.strerror}; create it with "
                    f"`ip tuntap add {self.name} mode tap && ip link set {self.name} up`"
                ) from error
        return int(_IFREQ_INT.unpack(answer)[1])

    def _attach(self, name: bytes) -> int:
        fd = -1
        try:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(fd, _TUNSETIFF, _IFREQ_FLAGS.pack(name, _IFF_TAP | _IFF_NO_PI))
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            reason = {
                errno.EBUSY: "another program uses it",
                errno.EINVAL: "it is not a TAP interface",
                errno.EPERM: "no permission; run as root or create it with `ip tuntap add … user`",
            }.get(error.errno or 0, error.strerror)
            raise DeviceFailure(f"cannot attach {self.name}: {reason}") from error
        return fd


class NetDevices:
    """All network devices of a guest: non-blocking descriptors by handle."""

    def __init__(self, descriptors: Mapping[int, int]) -> None:
        self._descriptors = descriptors

    def read(self, call: NetRead) -> NetFrame:
        """One frame, cut to the length asked for; AGAIN when there is none."""
        fd = self._descriptors.get(call.handle)
        if fd is None:
            return NetFrame(_EINVAL, b"")
        try:
            data = os.read(fd, call.length)
        except BlockingIOError:
            return NetFrame(_AGAIN, b"")
        except OSError as error:
            raise DeviceFailure(f"cannot read from the network: {error.strerror}") from error
        return NetFrame(_OK, data) if data else NetFrame(_AGAIN, b"")

    def write(self, call: NetWrite) -> IoStatus:
        """Send one frame; a host error or a short write ends the run, as upstream has it."""
        fd = self._descriptors.get(call.handle)
        if fd is None:
            return IoStatus(_EINVAL)
        try:
            written = os.write(fd, call.data)
        except OSError as error:
            raise DeviceFailure(f"cannot write to the network: {error.strerror}") from error
        if written != len(call.data):
            raise DeviceFailure(f"sent {written} of {len(call.data)} bytes of a frame")
        return IoStatus(_OK)
