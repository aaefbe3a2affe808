"""A debugger ends a guest's wait, and nothing else does."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from monitors.calls import Call, Result
from monitors.calls.clock import WallClock
from monitors.calls.poll import Poll, PollResult, ReadySet, WaitReady
from replay.gdbstub.early_wake import Waker, WakesEarly
from replay.machine.errors import WaitInterrupted


class Waits:
    """A source whose waits are always cut short."""

    def answer(self, _call: Call) -> Result:
        raise WaitInterrupted("stopped")


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


@pytest.mark.parametrize(
    ("call", "result"),
    [(Poll(1), PollResult(0)), (WaitReady(-1), ReadySet(0, timer_fired=False))],
)
def test_a_wait_that_was_ended_had_nothing_ready(waker: Waker, call: Call, result: Result) -> None:
    source = WakesEarly(Waits(), waker)
    waker.wake()
    assert source.answer(call) == result
    with pytest.raises(WaitInterrupted):  # the operator wants the guest to stop
        source.answer(call)


def test_what_does_not_wait_cannot_be_ended(waker: Waker) -> None:
    waker.wake()
    with pytest.raises(AssertionError):
        WakesEarly(Waits(), waker).answer(WallClock())
