"""TAP interfaces of the host: attaching one by name, or taking over an open descriptor."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from dataclasses import dataclass

from replay.machine.errors import DeviceFailure

_NAME_CHARS_MAX = 15

# linux/if_tun.h, linux/sockios.h, linux/ethtool.h; struct ifreq is a 16-byte name and a union of
# 24 bytes, struct ethtool_value two u32.
_TUNSETIFF = 0x400454CA
_TUNGETIFF = 0x800454D2
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_SIOCGIFFLAGS, _SIOCGIFMTU, _SIOCETHTOOL = 0x8913, 0x8921, 0x8946
_IFF_UP = 0x1
_ETHTOOL_SGSO, _ETHTOOL_SGRO = 0x24, 0x2C
_IFREQ = struct.Struct("16s24x")
_IFREQ_U16 = struct.Struct("16sH22x")
_IFREQ_INT = struct.Struct("16si20x")
_IFREQ_POINTER = struct.Struct("16sP16x")
_ETHTOOL_VALUE = struct.Struct("II")

_NO_DEVICE_FILE = "/dev/net/tun does not exist here; `modprobe tun` as root provides it"


@dataclass(frozen=True, slots=True)
class Interface:
    """An attached interface: a non-blocking descriptor that gives and takes whole frames.

    ``mtu`` is the interface's in bytes when it was attached.
    """

    name: str
    fd: int
    mtu: int


def attach_tap(name: str) -> Interface:
    """Attach the existing interface ``name``, without packet information.

    Raises ``DeviceFailure`` when there is none, it is down, no TAP, in use, or not ours to use.
    """
    encoded = os.fsencode(name)
    if not 0 < len(encoded) <= _NAME_CHARS_MAX:
        raise DeviceFailure(
            f"{name!r} is no interface name: they have 1 to {_NAME_CHARS_MAX} characters"
        )
    mtu = _mtu_of_running(encoded, name)
    fd = _open_tun(name)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, _IFREQ_U16.pack(encoded, _IFF_TAP | _IFF_NO_PI))
    except OSError as error:
        os.close(fd)
        reason = {
            errno.EBUSY: "another program uses it",
            errno.EINVAL: "it is no TAP interface, or one with several queues",
            errno.EPERM: f"it is not yours; {_creation(name)} makes one that is",
        }.get(error.errno or 0, error.strerror)
        raise DeviceFailure(f"cannot attach interface {name}: {reason}") from error
    _take_plain_frames(encoded)
    return Interface(name, fd, mtu)


def adopt_tap(fd: int) -> Interface:
    """Use a TAP descriptor that this process was started with; raises ``DeviceFailure``.

    Whoever opened it has to have said IFF_NO_PI: the kernel does not tell.
    """
    try:
        answer = fcntl.ioctl(fd, _TUNGETIFF, _IFREQ.pack(b""))
    except OSError as error:
        raise DeviceFailure(f"descriptor {fd} is no TAP interface: {error.strerror}") from error
    padded, flags = _IFREQ_U16.unpack(answer)
    if flags & (_IFF_TAP | _IFF_VNET_HDR) != _IFF_TAP:
        raise DeviceFailure(
            f"descriptor {fd} does not carry plain Ethernet frames; open it with "
            "IFF_TAP | IFF_NO_PI"
        )
    encoded = padded.split(b"\0", 1)[0]
    name = os.fsdecode(encoded)
    mtu = _mtu_of_running(encoded, name)
    os.set_blocking(fd, False)
    _take_plain_frames(encoded)
    return Interface(name, fd, mtu)


def _open_tun(name: str) -> int:
    try:
        return os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = {
            errno.ENOENT: _NO_DEVICE_FILE,
            errno.ENODEV: _NO_DEVICE_FILE,
            errno.EACCES: "no permission to use /dev/net/tun; run as root or change its rights",
            errno.EPERM: "no permission to use /dev/net/tun; run as root or change its rights",
        }.get(error.errno or 0, f"/dev/net/tun: {error.strerror}")
        raise DeviceFailure(f"cannot attach interface {name}: {reason}") from error


def _mtu_of_running(encoded: bytes, name: str) -> int:
    """The MTU of an interface in bytes; ``DeviceFailure`` when there is none or it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            flags = fcntl.ioctl(probe, _SIOCGIFFLAGS, _IFREQ.pack(encoded))
            mtu = fcntl.ioctl(probe, _SIOCGIFMTU, _IFREQ.pack(encoded))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise DeviceFailure(f"cannot use interface {name}: {error.strerror}") from error
            what = f"there is no interface {name}; {_creation(name)} makes one"
            raise DeviceFailure(what) from error
    if not _IFREQ_U16.unpack(flags)[1] & _IFF_UP:
        raise DeviceFailure(f"interface {name} is down; `ip link set {name} up` starts it")
    return int(_IFREQ_INT.unpack(mtu)[1])


def _creation(name: str) -> str:
    """The command that makes a TAP interface for whoever runs it."""
    return f"`sudo ip tuntap add {name} mode tap user $USER && sudo ip link set {name} up`"


def _take_plain_frames(name: bytes) -> None:
    """Have no frames merged beyond the MTU; not every host can or lets us say so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for command in (_ETHTOOL_SGSO, _ETHTOOL_SGRO):
            value = ctypes.create_string_buffer(_ETHTOOL_VALUE.pack(command, 0))
            request = _IFREQ_POINTER.pack(name, ctypes.addressof(value))
            with contextlib.suppress(OSError):
                fcntl.ioctl(probe, _SIOCETHTOOL, request)
