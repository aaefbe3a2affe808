"""TAP interfaces: in a network namespace where there may be one, and by imitation elsewhere."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from replay.devices.tap import Interface, adopt_tap, attach_tap
from replay.machine.errors import DeviceFailure
from tests.net.namespace import Namespace, why_unavailable

TUNSETIFF = 0x400454CA
SIOCETHTOOL = 0x8946
GET_GSO, GET_GRO = 0x23, 0x2B
TUN, TAP, NO_PI = 0x0001, 0x0002, 0x1000
FRAME = bytes(6) + b"\2\0\0\0\0\1" + b"\x88\xb5" + bytes(46)


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    reason = why_unavailable()
    if reason:
        pytest.skip(reason)
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def tap(namespace: Namespace) -> Iterator[str]:
    namespace.add_tap("tap0", mtu=4321)
    yield "tap0"
    namespace.command(["ip", "link", "del", "tap0"])


@pytest.fixture
def attached() -> Iterator[Callable[[Interface], Interface]]:
    """Closes the interfaces that pass through it."""
    interfaces: list[Interface] = []

    def keep(interface: Interface) -> Interface:
        interfaces.append(interface)
        return interface

    yield keep
    for interface in interfaces:
        os.close(interface.fd)


Keep = Callable[[Interface], Interface]


def open_tun(name: str, flags: int) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def send_from_host(name: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((name, 0))
        sender.send(FRAME)


def test_frames_come_and_go(namespace: Namespace, tap: str, attached: Keep) -> None:
    interface = attached(namespace.run(attach_tap, tap))
    assert (interface.name, interface.mtu) == ("tap0", 4321)
    with pytest.raises(BlockingIOError):
        os.read(interface.fd, 2048)
    # The kernel drops what is sent before it has noticed that somebody is attached.
    for _ in range(100):
        namespace.run(send_from_host, tap)
        if select.select((interface.fd,), (), (), 0.1)[0]:
            break
    assert os.read(interface.fd, 2048) == FRAME
    assert os.write(interface.fd, FRAME) == len(FRAME)


def offload(name: str, command: int) -> int:
    """The value of an ETHTOOL_G... command (linux/ethtool.h, struct ethtool_value)."""
    value = ctypes.create_string_buffer(struct.pack("II", command, 7))
    request = struct.pack("16sP16x", name.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, SIOCETHTOOL, request)
    return int(struct.unpack("II", value.raw[:8])[1])


def test_frames_are_not_merged(namespace: Namespace, tap: str, attached: Keep) -> None:
    """Generic segmentation and receive offloads are off."""
    before = [namespace.run(offload, tap, command) for command in (GET_GSO, GET_GRO)]
    attached(namespace.run(attach_tap, tap))
    after = [namespace.run(offload, tap, command) for command in (GET_GSO, GET_GRO)]
    assert (before, after) == ([1, 1], [0, 0])


def test_no_such_interface(namespace: Namespace) -> None:
    with pytest.raises(DeviceFailure) as refused:
        namespace.run(attach_tap, "tap7")
    assert "there is no interface tap7" in str(refused.value)
    assert "ip tuntap add tap7 mode tap user" in str(refused.value)


def test_an_interface_of_another_kind(namespace: Namespace) -> None:
    namespace.command(["ip", "link", "set", "lo", "up"])
    with pytest.raises(DeviceFailure, match="cannot attach interface lo: it is no TAP interface"):
        namespace.run(attach_tap, "lo")


def test_an_interface_in_use(namespace: Namespace, tap: str, attached: Keep) -> None:
    attached(namespace.run(attach_tap, tap))
    with pytest.raises(DeviceFailure, match="cannot attach interface tap0: another program uses"):
        namespace.run(attach_tap, tap)


def test_an_interface_that_is_down(namespace: Namespace, tap: str) -> None:
    namespace.command(["ip", "link", "set", tap, "down"])
    with pytest.raises(DeviceFailure, match=r"tap0 is down; `ip link set tap0 up` starts it"):
        namespace.run(attach_tap, tap)


@pytest.mark.parametrize("name", ["", "sixteen-letters-", "x" * 300])
def test_what_no_interface_is_called(name: str) -> None:
    with pytest.raises(DeviceFailure, match="is no interface name: they have 1 to 15 characters"):
        attach_tap(name)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "no permission to use /dev/net/tun"),
        (errno.EPERM, "no permission to use /dev/net/tun"),
        (errno.ENOENT, "`modprobe tun`"),
        (errno.ENODEV, "`modprobe tun`"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_a_host_that_gives_no_tun(
    number: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", up_with_mtu)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceFailure) as refused:
        attach_tap("tap0")
    assert message in str(refused.value)
    assert "tap0" in str(refused.value)


def up_with_mtu(_fd: object, _request: int, data: bytes) -> bytes:
    return struct.pack("16si20x", data[:16], 1501)


def test_somebody_elses_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: object, request: int, data: bytes) -> bytes:
        if request == TUNSETIFF:
            raise PermissionError(errno.EPERM, "no")
        return up_with_mtu(fd, request, data)

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    monkeypatch.setattr(os, "open", lambda *_: os.memfd_create("tun"))
    with pytest.raises(DeviceFailure, match="tap0: it is not yours; `sudo ip tuntap add tap0"):
        attach_tap("tap0")


def test_an_open_descriptor(namespace: Namespace, tap: str) -> None:
    fd = namespace.run(open_tun, tap, TAP | NO_PI)
    interface = namespace.run(adopt_tap, fd)
    assert interface == Interface("tap0", fd, 4321)
    with pytest.raises(BlockingIOError):
        os.read(fd, 2048)
    os.close(fd)


@pytest.mark.parametrize(("name", "flags"), [("tap0", TAP | NO_PI | 0x4000), ("tun5", TUN | NO_PI)])
def test_descriptors_without_plain_frames(
    namespace: Namespace, tap: str, name: str, flags: int
) -> None:
    """With offloading headers, without Ethernet."""
    fd = namespace.run(open_tun, name, flags)
    with pytest.raises(DeviceFailure, match=f"descriptor {fd} does not carry plain Ethernet"):
        namespace.run(adopt_tap, fd)
    os.close(fd)


def test_descriptors_of_something_else() -> None:
    with pytest.raises(DeviceFailure, match="descriptor 987654 is no TAP interface: Bad file"):
        adopt_tap(987654)
    with socket.socket() as other, pytest.raises(DeviceFailure, match="is no TAP interface"):
        adopt_tap(other.fileno())
