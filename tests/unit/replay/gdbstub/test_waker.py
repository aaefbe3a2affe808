"""A debugger interrupts a guest's wait, and so does the operator."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from monitors.calls import Call, Result
from monitors.calls.clock import WallClock
from monitors.calls.lifecycle import DONE
from replay.gdbstub.waker import KeepsDevices, Waker
from replay.machine.ports import LaneDevices, OffersDescriptors


@pytest.fixture
def other() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def waker(other: tuple[socket.socket, socket.socket]) -> Iterator[Waker]:
    waker = Waker(other[0].fileno())
    yield waker
    waker.close()


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_waking_is_seen_until_it_is_cleared(waker: Waker) -> None:
    assert not is_readable(waker.fd)
    assert not waker.clear()
    waker.wake()
    waker.wake()
    assert is_readable(waker.fd)
    assert waker.clear()
    assert not is_readable(waker.fd)


def test_the_operator_is_seen_too(waker: Waker, other: tuple[socket.socket, socket.socket]) -> None:
    other[1].send(b"!")
    assert is_readable(waker.fd)
    assert not waker.clear()


def test_waking_never_blocks_and_may_come_too_late(waker: Waker) -> None:
    for _ in range(10_000):
        waker.wake()
    waker.close()
    waker.wake()


def test_devices_are_kept_from_lanes() -> None:
    class Devices:
        """Offers what a lane would take."""

        last_cycles = timer_ns = 0

        def answer(self, _call: Call) -> Result:
            return DONE

        def lane_devices(self) -> LaneDevices:
            return LaneDevices(1, 1)

        def note_cycles(self, last: int) -> None: ...

        def note_timer(self, at_ns: int) -> None: ...

    devices = Devices()
    assert isinstance(devices, OffersDescriptors)
    kept = KeepsDevices(devices)
    assert not isinstance(kept, OffersDescriptors)
    assert kept.answer(WallClock()) is DONE
