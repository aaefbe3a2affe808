"""Recordings of this host itself: its clocks, its randomness, a file and a socket as devices.

On one platform of each target, since an engine does not see who answers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitors.manifest import AttachedBlock, AttachedNet
from replay.devices.block import BlockImage, BlockStore
from replay.devices.console import Console
from replay.devices.live import HostSide, LiveSource
from replay.devices.tap import Interface
from replay.machine.ending import Ending
from replay.machine.machine import Machine
from replay.machine.plan import MachinePlan
from replay.testing.cases import disappointments
from replay.testing.digests import DigestLog, entry_count
from replay.testing.replayer import ReplayerProcess
from replay.toolchain.programs import Case
from tests.conformance.platforms import Platform, Trial, references, require, trials_of
from tests.conformance.studio import Studio
from traces.compare import Where, compare
from traces.reader import open_trace

RUNS = (
    "hello-hello",
    "entropy-default",
    "rdtscp-offered",
    "clocks-wall",
    "output-pages",
    "blk-large-blocks",
    "net-pings",
)


@dataclass(frozen=True, slots=True)
class LiveRecording:
    """A recording, its log of digests, and what came out of it."""

    trace: Path
    log: Path
    ending: Ending | None
    console: bytes
    sent: list[bytes]


@contextmanager
def live_source(
    case: Case, plan: MachinePlan, folder: Path, wires: list[socket.socket]
) -> Iterator[LiveSource]:
    """Image files of zeros, and sockets in which the case's frames wait already."""
    with ExitStack() as stack:
        images: dict[int, BlockStore] = {}
        interfaces: dict[int, Interface] = {}
        for device in plan.attachments:
            match device:
                case AttachedBlock():
                    path = folder / f"{device.name}.img"
                    path.touch()
                    os.truncate(path, device.capacity_bytes)
                    images[device.handle] = BlockImage(path, device.block_size)
                case AttachedNet():
                    wire, guests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    for each in (wire, guests):
                        each.setblocking(False)
                        stack.enter_context(each)
                    for frame in case.nets[device.name].received:
                        wire.send(frame)
                    interfaces[device.handle] = Interface(device.name, guests.fileno(), device.mtu)
                    wires.append(wire)
        with (folder / "console").open("wb") as console:
            host = HostSide(images, interfaces, Console(console.fileno()))
            yield LiveSource(plan.cpu, plan.tsc_hz, host)


def record_live(studio: Studio, trial: Trial, folder: Path) -> LiveRecording:
    folder.mkdir()
    plan = studio.plan(trial)
    trace, log = folder / "live.mp", folder / "live.log"
    logs: list[DigestLog] = []
    wires: list[socket.socket] = []

    def observers(machine: Machine) -> list[DigestLog]:
        logs.append(DigestLog(machine))
        return logs

    with live_source(trial.case, plan, folder, wires) as source:
        recorded = studio.record_from(trial.platform, plan, source, trace, observers)
        sent = [frame for wire in wires for frame in waiting(wire)]
    log.write_bytes(logs[0].data)
    console = (folder / "console").read_bytes()
    return LiveRecording(trace, log, recorded.ending, console, sent)


def waiting(wire: socket.socket) -> Iterator[bytes]:
    """The frames that the guest has sent."""
    while True:
        try:
            yield wire.recv(65536)
        except BlockingIOError:
            return


@pytest.mark.slow
@pytest.mark.parametrize(
    "trial", [trial for trial in trials_of(*RUNS) if trial.platform in references()], ids=str
)
def test_a_live_recording_replays_in_another_process(
    studio: Studio, trial: Trial, replayer: Callable[[Platform], ReplayerProcess], tmp_path: Path
) -> None:
    """And a second recording is another one, since the host has gone on."""
    require(trial.platform, trial.program.name)
    live, later = (record_live(studio, trial, tmp_path / name) for name in ("one", "two"))
    assert not disappointments(trial.case, live.ending, live.console, live.sent)
    (report,) = replayer(trial.platform).replay(trial.platform.engine, live.trace, log=live.log)
    assert (report.error, report.message) == ("", "")
    assert report.ending == str(live.ending)
    assert report.digests_compared == entry_count(live.log.read_bytes()) > 0
    with open_trace(live.trace) as one, open_trace(later.trace) as two:
        difference = compare(one, two)
    assert difference is not None, "the host's time stood still"
    assert difference.where is Where.EVENT
