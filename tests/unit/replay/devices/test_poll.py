"""Waiting: who is ready, for how long, and what ends it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from monitors.calls.lifecycle import DONE
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from replay.devices import poll
from replay.devices.host_errors import is_answered
from replay.devices.poll import Poller
from replay.devices.tap import Interface
from replay.machine.errors import DeviceFailure, WaitInterrupted

MS = 1_000_000
LONG = 60_000 * MS


class Wires:
    """Far ends by handle, and the interfaces at the near ends."""

    def __init__(self, stack: ExitStack, handles: tuple[int, ...]) -> None:
        self.far: dict[int, socket.socket] = {}
        self.near: dict[int, socket.socket] = {}
        self.interfaces: dict[int, Interface] = {}
        for handle in handles:
            far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.far[handle] = stack.enter_context(far)
            self.near[handle] = stack.enter_context(near)
            self.interfaces[handle] = Interface(f"tap{handle}", near.fileno(), 1500)


@pytest.fixture
def wires() -> Iterator[Wires]:
    with ExitStack() as stack:
        yield Wires(stack, (1, 2, 63))


@pytest.fixture
def stop() -> Iterator[tuple[socket.socket, socket.socket]]:
    asking, asked = socket.socketpair()
    with asking, asked:
        yield asking, asked


def test_the_ready_set_has_a_bit_for_each_handle(wires: Wires) -> None:
    poller = Poller(wires.interfaces)
    wires.far[1].send(b"frame")
    assert poller.wait(Poll(LONG)) == PollResult(1 << 1)
    wires.far[63].send(b"frame")
    assert poller.wait(Poll(LONG)) == PollResult(1 << 1 | 1 << 63)


def test_ready_for_as_long_as_there_are_frames(wires: Wires) -> None:
    poller = Poller(wires.interfaces)
    for _ in range(2):
        wires.far[2].send(b"frame")
    for ready in (4, 4, 4):
        assert poller.wait(Poll(LONG)).ready_set == ready
    for left in (4, 0):
        wires.near[2].recv(100)
        assert poller.wait(Poll(0)).ready_set == left


@pytest.mark.parametrize("timeout_ns", [0, 1, 300_000, 5 * MS])
def test_an_empty_wait_lasts_as_long_as_asked(wires: Wires, timeout_ns: int) -> None:
    """And not a millisecond longer, as the kernel's epoll would have it. The upper bound is that of
    the best of several, since the host may be busy."""
    poller = Poller(wires.interfaces)
    lengths = []
    for _ in range(9):
        started = time.monotonic_ns()
        assert poller.wait(Poll(timeout_ns)) == PollResult(0)
        lengths.append(time.monotonic_ns() - started)
    assert timeout_ns <= min(lengths) < timeout_ns + MS // 2


def test_no_devices_at_all() -> None:
    assert Poller({}).wait(Poll(1)) == PollResult(0)


def test_a_wait_of_centuries_is_a_sequence_of_shorter_ones(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(_r: object, _w: object, _x: object, seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            wires.far[1].send(b"frame")

    monkeypatch.setattr(poll.select, "select", sleep)
    assert Poller(wires.interfaces).wait(Poll((1 << 64) - 1)) == PollResult(2)
    assert slept == [3600, 3600, 3600]


def test_the_operator_ends_any_wait(
    wires: Wires, stop: tuple[socket.socket, socket.socket]
) -> None:
    poller = Poller(wires.interfaces, stop[1].fileno())
    stop[0].send(b"\0")
    wires.far[1].send(b"frame")
    for timeout_ns in (0, LONG):
        with pytest.raises(WaitInterrupted):
            poller.wait(Poll(timeout_ns))


def test_an_interface_that_has_gone(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = Poller(wires.interfaces)
    events = [(wires.interfaces[2].fd, select.EPOLLERR | select.EPOLLIN)]
    monkeypatch.setattr(poller, "_at_once", lambda *_: events)
    with pytest.raises(DeviceFailure, match="interface tap2 is gone"):
        poller.wait(Poll(LONG))


def test_an_interface_that_has_gone_may_be_the_guests_own_business(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    poller = Poller(wires.interfaces, on_error=is_answered)
    events = [(wires.interfaces[2].fd, select.EPOLLERR)]
    monkeypatch.setattr(poller, "_at_once", lambda *_: events)
    assert poller.wait_ready(WaitReady(-1)) == ReadySet(1 << 2, timer_fired=False)


def test_the_timer_ends_a_wait_when_it_fires_and_not_a_millisecond_later(wires: Wires) -> None:
    poller = Poller(wires.interfaces)
    late = []
    for _ in range(9):
        at_ns = time.monotonic_ns() + 300_000
        assert poller.set_timer(SetTimer(at_ns)) is DONE
        assert poller.wait_ready(WaitReady(-1)) == ReadySet(0, timer_fired=True)
        late.append(time.monotonic_ns() - at_ns)
    assert 0 <= min(late) < MS // 2


def test_a_timer_that_has_fired_stays_so_until_it_is_set_again(wires: Wires) -> None:
    poller = Poller(wires.interfaces)
    assert poller.wait_ready(WaitReady(0)) == ReadySet(0, timer_fired=False)
    poller.set_timer(SetTimer(1))
    for _ in range(2):
        assert poller.wait_ready(WaitReady(-1)) == ReadySet(0, timer_fired=True)
    for again in (SetTimer(time.monotonic_ns() + LONG), SetTimer(0)):
        poller.set_timer(SetTimer(1))
        poller.set_timer(again)
        assert poller.wait_ready(WaitReady(1)) == ReadySet(0, timer_fired=False)


def test_frames_come_before_the_timer_and_with_it(wires: Wires) -> None:
    poller = Poller(wires.interfaces)
    wires.far[1].send(b"frame")
    poller.set_timer(SetTimer(time.monotonic_ns() + LONG))
    assert poller.wait_ready(WaitReady(-1)) == ReadySet(1 << 1, timer_fired=False)
    poller.set_timer(SetTimer(1))
    assert poller.wait_ready(WaitReady(-1)) == ReadySet(1 << 1, timer_fired=True)


def test_a_wait_without_an_end_is_a_sequence_of_shorter_ones(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(_r: object, _w: object, _x: object, seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            wires.far[1].send(b"frame")

    monkeypatch.setattr(poll.select, "select", sleep)
    assert Poller(wires.interfaces).wait_ready(WaitReady(-1)) == ReadySet(2, timer_fired=False)
    assert slept == [3600, 3600, 3600]


def test_the_operator_ends_a_wait_without_an_end(
    wires: Wires, stop: tuple[socket.socket, socket.socket]
) -> None:
    poller = Poller(wires.interfaces, stop[1].fileno())
    stop[0].send(b"\0")
    with pytest.raises(WaitInterrupted):
        poller.wait_ready(WaitReady(-1))


@pytest.mark.parametrize("timer_ns", [0, LONG])
def test_a_wait_that_was_interrupted_ends_when_it_would_have(
    wires: Wires,
    stop: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    timer_ns: int,
) -> None:
    now = 5
    slept: list[float] = []

    def sleep(_r: object, _w: object, _x: object, seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += min(round(seconds * 1000), 20) * MS  # nobody interrupts before 20 ms
        if len(slept) in (1, 2):
            stop[0].send(b"!")

    monkeypatch.setattr(poll, "_monotonic_ns", lambda: now)
    monkeypatch.setattr(poll.select, "select", sleep)
    poller = Poller(wires.interfaces, stop[1].fileno())
    wait = poller.wait_ready if timer_ns else poller.wait
    call: Any = WaitReady(50) if timer_ns else Poll(50 * MS)
    poller.set_timer(SetTimer(timer_ns))
    for _ in range(2):
        with pytest.raises(WaitInterrupted):
            wait(call)
        stop[1].recv(1)
    assert wait(call).ready_set == 0
    assert slept == [0.05, 0.03, 0.01]
    assert wait(call).ready_set == 0  # another wait is as long as ever
    assert slept == [0.05, 0.03, 0.01, 0.05, 0.03, 0.01]
