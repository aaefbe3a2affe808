"""Network devices on any descriptor that keeps frames apart."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from replay.devices.host_errors import is_answered
from replay.devices.net import NetDevices
from replay.devices.tap import Interface
from replay.machine.errors import DeviceFailure

OK, AGAIN, EINVAL, EUNSPEC = 0, 1, 2, 3
HANDLE = 3


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, NetDevices]]:
    """The far end, and the devices with one interface at the near end."""
    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far, near:
        for end in (far, near):
            end.setblocking(False)
        yield far, NetDevices({HANDLE: Interface("tap9", near.fileno(), 1500)})


Wire = tuple[socket.socket, NetDevices]


def test_no_frame(wire: Wire) -> None:
    assert wire[1].read(NetRead(HANDLE, 1514)) == NetFrame(AGAIN, b"")


def test_one_frame_a_read(wire: Wire) -> None:
    far, devices = wire
    far.send(b"first")
    far.send(b"second")
    found = [devices.read(NetRead(HANDLE, 1514)) for _ in range(3)]
    assert found == [NetFrame(OK, b"first"), NetFrame(OK, b"second"), NetFrame(AGAIN, b"")]


def test_long_frames_are_cut(wire: Wire) -> None:
    far, devices = wire
    far.send(b"a frame")
    assert devices.read(NetRead(HANDLE, 3)) == NetFrame(OK, b"a f")
    assert devices.read(NetRead(HANDLE, 3)).status == AGAIN


def test_a_guest_that_wants_everything(wire: Wire) -> None:
    """Does not make the host provide a buffer of that size."""
    far, devices = wire
    far.send(b"x" * 70000)
    assert devices.read(NetRead(HANDLE, 1 << 40)) == NetFrame(OK, b"x" * 70000)


def test_frames_are_sent_whole(wire: Wire) -> None:
    far, devices = wire
    assert devices.write(NetWrite(HANDLE, b"to the world")) == IoStatus(OK)
    assert far.recv(100) == b"to the world"


def test_wrong_handles(wire: Wire) -> None:
    assert wire[1].read(NetRead(1, 1514)) == NetFrame(EINVAL, b"")
    assert wire[1].write(NetWrite(1, b"frame")) == IoStatus(EINVAL)


@pytest.mark.parametrize(
    ("name", "use", "message"),
    [
        (
            "read",
            lambda devices: devices.read(NetRead(HANDLE, 1514)),
            "cannot read from interface tap9: File descriptor in bad state",
        ),
        (
            "write",
            lambda devices: devices.write(NetWrite(HANDLE, b"frame")),
            "tap9 does not take a frame of 5 bytes: File descriptor in bad state",
        ),
    ],
)
def test_an_interface_that_fails(
    wire: Wire,
    name: str,
    use: Callable[[NetDevices], object],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EBADFD, os.strerror(errno.EBADFD))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(DeviceFailure, match=message):
        use(wire[1])


def test_a_frame_that_is_taken_in_part(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda *_: 3)
    with pytest.raises(DeviceFailure, match="tap9 took 3 of 5 bytes of a frame"):
        wire[1].write(NetWrite(HANDLE, b"frame"))


def test_a_failure_may_be_the_guests_own_business(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    devices = NetDevices({HANDLE: Interface("tap9", 9, 1500)}, is_answered)
    monkeypatch.setattr(os, "read", fail)
    monkeypatch.setattr(os, "write", fail)
    assert devices.read(NetRead(HANDLE, 1514)) == NetFrame(EUNSPEC, b"")
    assert devices.write(NetWrite(HANDLE, b"frame")) == IoStatus(EUNSPEC)
    monkeypatch.setattr(os, "write", lambda *_: 3)
    assert devices.write(NetWrite(HANDLE, b"frame")) == IoStatus(EUNSPEC)
