from __future__ import annotations

import socket
from pathlib import Path

import pytest

from replay.engines.native.engine import NativeEngine
from replay.engines.ports import Engine
from replay.machine.ending import Halted
from replay.testing.cases import GuestShelf, case_plan
from replay.toolchain.programs import BlockCase, Case, find_program
from tests.unit.replay.agents import BLOCK_BYTES, FastRecording, record_fast, replay_on
from tests.unit.replay.recordings import Recorder, new_engine
from traces.reader import open_trace

# Programs by what they cross the door for.
RUNS = (
    ("hvt", "hello", "some words"),
    ("hvt", "clocks", "wall 5000 mono 5000"),
    ("hvt", "blk", ""),
    ("hvt", "blkcalls", ""),
    ("hvt", "output", ""),
    ("spt", "hello", "some words"),
    ("spt", "clocks", "wall 5000 mono 5000"),
    ("spt", "blk", ""),
)


@pytest.fixture
def fast(
    request: pytest.FixtureRequest, tmp_path: Path, shelf: GuestShelf, recorder: Recorder
) -> FastRecording:
    target, program, words = request.param
    recorder.guest("hello")  # skips where there is no compiler
    blocks = {"storage": BlockCase(BLOCK_BYTES)} if program.startswith("blk") else {}
    case = Case("a run", tuple(words.split()), 0, "", blocks=blocks)
    guest = shelf.guest(find_program(program), target)
    plan, _ = case_plan(case, guest, f"{program}.{target}")
    return record_fast(tmp_path, plan)


@pytest.mark.parametrize("fast", RUNS, ids=" ".join, indirect=True)
def test_what_an_agent_records_replays_with_and_without_one(
    fast: FastRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fast.recorded.failure is fast.recorded.loss is None
    assert isinstance(fast.recorded.ending, Halted)
    answered = fast.recorded.events - fast.left
    assert answered > fast.recorded.events / 2 > 0
    quick, printed = replay_on(NativeEngine(), fast.path)
    monkeypatch.setenv("SOLO5_REPLAY_PURE_PYTHON", "1")
    slow, printed_slowly = replay_on(_other_engine(fast), fast.path)
    assert quick == slow
    assert quick.position.event == fast.recorded.events
    assert quick.digests_verified > 0
    assert printed == printed_slowly == fast.console


@pytest.mark.parametrize("target", ["hvt", "spt"])
def test_frames_pass_and_replay(
    target: str, tmp_path: Path, shelf: GuestShelf, recorder: Recorder
) -> None:
    recorder.guest("hello")  # skips where there is no compiler
    program = find_program("net")
    case = next(each for each in program.cases() if each.name == "pings")
    plan, _ = case_plan(case, shelf.guest(program, target), f"net.{target}")
    guest_side, host_side = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with guest_side, host_side:
        guest_side.setblocking(False)
        for frame in case.nets["service0"].received:
            host_side.send(frame)
        fast = record_fast(tmp_path, plan, guest_side.fileno())
        host_side.setblocking(False)
        sent = [host_side.recv(2000) for _ in case.nets["service0"].sent]
    assert fast.recorded.ending == Halted(0)
    assert tuple(sent) == case.nets["service0"].sent
    assert fast.left < fast.recorded.events / 2
    replayed, printed = replay_on(NativeEngine(), fast.path)
    assert replayed.position.event == fast.recorded.events
    assert replayed.digests_verified > 0
    assert (replayed, printed) == replay_on(_other_engine(fast), fast.path)


def _other_engine(fast: FastRecording) -> Engine:
    """Another engine for hvt guests; for others the native one, without its agent."""
    with open_trace(fast.path) as trace:
        return new_engine() if trace.header.guest.target == "hvt" else NativeEngine()
