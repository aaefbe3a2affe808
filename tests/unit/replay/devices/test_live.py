from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.calls import ALL_CALLS, RESULT_OF, Call
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK
from monitors.calls.console import ConsoleWrite
from monitors.calls.lifecycle import Halt, Misuse, MisuseKind
from monitors.calls.net import IoStatus, NetFrame, NetRead, NetWrite
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import READ_TSC, READ_TSCP, Cpuid, RandomWord, TscReading
from monitors.vcpu import virtual_cpu
from replay.devices.block import BlockImage
from replay.devices.console import Console
from replay.devices.live import HostSide, LiveSource
from replay.devices.overlay import Overlay
from replay.devices.processor import NOMINAL_TSC_HZ
from replay.devices.tap import Interface
from replay.machine.errors import WaitInterrupted
from replay.machine.ports import LaneBlock

CALLS: tuple[Call, ...] = (
    WALL_CLOCK,
    MONOTONIC_CLOCK,
    ConsoleWrite(b""),
    Poll(0),
    SetTimer(1),
    WaitReady(0),
    BlockRead(1, 0, 512),
    BlockWrite(1, 0, b""),
    NetRead(1, 1514),
    NetWrite(1, b""),
    Halt(0),
    Misuse(MisuseKind.INVALID_ACCESS, ""),
    READ_TSC,
    READ_TSCP,
    RandomWord(False, 64),
    Cpuid(0, 0),
)
MakeSource = Callable[..., LiveSource]


@pytest.fixture
def make_source() -> MakeSource:
    """A function that makes a live source of some devices."""
    return lambda **devices: LiveSource(
        virtual_cpu("westmere"), NOMINAL_TSC_HZ, HostSide(**devices)
    )


def test_these_are_all_calls() -> None:
    assert {type(call) for call in CALLS} == set(ALL_CALLS)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
def test_every_call_has_its_kind_of_answer(make_source: MakeSource, call: Call) -> None:
    assert type(make_source().answer(call)) is RESULT_OF[type(call)]


def test_devices_that_are_not_there_refuse(make_source: MakeSource) -> None:
    source = make_source()
    assert source.answer(BlockRead(1, 0, 512)) == BlockData(2, b"")
    assert source.answer(BlockWrite(1, 0, bytes(512))) == IoStatus(2)
    assert source.answer(NetRead(1, 1514)) == NetFrame(2, b"")
    assert source.answer(NetWrite(1, b"frame")) == IoStatus(2)


def test_devices_are_found_by_their_handles(make_source: MakeSource, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"d" * 1024)
    image = BlockImage(path)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        wires = {3: Interface("wire", ours.fileno(), 1500)}
        source = make_source(stores={2: image}, interfaces=wires)
        assert source.answer(BlockRead(2, 512, 512)) == BlockData(0, b"d" * 512)
        theirs.send(b"incoming")
        assert source.answer(Poll(1 << 40)) == PollResult(1 << 3)
        assert source.answer(NetRead(3, 1514)) == NetFrame(0, b"incoming")
        assert source.answer(NetWrite(3, b"outgoing")) == IoStatus(0)
        assert theirs.recv(100) == b"outgoing"
    image.close()


def test_the_console_can_be_elsewhere(make_source: MakeSource) -> None:
    ours, theirs = os.pipe()
    make_source(console=Console(theirs)).answer(ConsoleWrite(b"hello"))
    assert os.read(ours, 100) == b"hello"
    os.close(ours)
    os.close(theirs)


def test_the_console_is_standard_output(
    make_source: MakeSource, capfd: pytest.CaptureFixture[str]
) -> None:
    make_source().answer(ConsoleWrite(b"hello"))
    assert capfd.readouterr().out == "hello"


def test_an_operator_can_end_a_wait(make_source: MakeSource) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"\0")
    with pytest.raises(WaitInterrupted):
        make_source(stop_fd=ours).answer(Poll(1 << 62))
    os.close(ours)
    os.close(theirs)


def test_a_lane_gets_descriptors_of_what_has_one(make_source: MakeSource, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(2048))
    plain, below = BlockImage(path, 1024, read_only=True), BlockImage(path, read_only=True)
    overlay = Overlay(below)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        wire = near.fileno()
        wires = {3: Interface("wire", wire, 1500)}
        stores = {1: plain, 2: overlay}
        source = make_source(stores=stores, interfaces=wires, console=Console(9))
        devices = source.lane_devices()
    assert (devices.console_fd, devices.stop_fd) == (9, None)
    assert devices.tsc_hz == NOMINAL_TSC_HZ
    assert devices.nets == {3: wire}
    assert devices.blocks == {1: LaneBlock(plain.fd, 2048, 1024)}
    plain.close()
    overlay.close()


def test_a_lane_and_the_source_share_the_cycle_counter_and_the_timer(
    make_source: MakeSource,
) -> None:
    source = make_source()
    far_ahead = 1 << 63
    source.note_cycles(far_ahead)
    assert source.answer(READ_TSC) == TscReading(far_ahead + 1)
    assert source.last_cycles == far_ahead + 1
    source.note_cycles(5)
    assert source.last_cycles == far_ahead + 1
    source.answer(SetTimer(7))
    assert source.timer_ns == 7
    source.note_timer(1)
    assert source.answer(WaitReady(-1)) == ReadySet(0, timer_fired=True)
