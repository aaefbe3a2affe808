"""Where values come from, in all kinds of guests: whatever is claimed is what was recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice, pairwise

import pytest

from monitors.hvt.abi import NET
from replay.machine.position import Position
from replay.player import origins
from replay.player.origins import HOPS_MAX, Kind, Origin, find_origin
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from replay.player.whereabouts import InMemory, InRegister, Where, bytes_at
from tests.conformance.platforms import Trial, reference_of, require, trials_of
from tests.conformance.studio import Studio
from traces.reader import Trace, open_trace

RUNS = (
    "blk-default",
    "clocks-wall",
    "entropy-default",
    "flaky-corrupt",
    "net-pings",
    "simd-default",
    "udp-echo",
)
ECHOING = ("net-pings", "udp-echo")
PLACES, FRAMES_MAX, BYTES_OF_EACH = 10, 5, 8
POINTERS = ("rsi", "rdi", "rsp", "rbx", "rax", "rdx", "rbp")
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r12")
TRIALS = [
    trial
    for trial in trials_of(*RUNS)
    if not trial.platform.environment and trial.platform == reference_of(trial.platform)
]

pytestmark = pytest.mark.slow


def anything(timeline: Timeline, chance: random.Random) -> Iterator[Where]:
    """A register, and memory that registers point to."""
    registers = timeline.registers()
    yield InRegister(chance.choice(REGISTERS))
    yield InRegister("xmm0", 16)
    for name in chance.sample(POINTERS, 3):
        where = InMemory(registers[name] + chance.randrange(48), chance.choice((1, 2, 4, 8, 16)))
        if bytes_at(where, timeline):
            yield where


def check(found: Origin, trace: Trace) -> bool:
    """Everything about an origin that can be known without one; whether a call is named whose
    bytes are recorded."""
    assert 0 < len(found.steps) <= HOPS_MAX + 1
    assert found.steps[0].position <= found.position
    for later, earlier in pairwise(found.steps):
        assert earlier.position <= later.position
        if later.kind is Kind.COPIED and not earlier.derived:
            assert later.value.startswith(earlier.value)
    call = found.call
    if call is None:
        return False
    event = next(islice(trace.events(call.event), 1))
    assert event.call.name.lower() == call.call.replace("_", "")
    data = getattr(event.result, "data", None)
    if call.field or not isinstance(data, bytes):
        return False
    value = found.steps[-1].value
    assert len(data) == call.total
    assert data[call.offset : call.offset + call.size] == value
    if not found.steps[-1].derived:
        assert data[call.offset : call.offset + call.alike] == found.value[: call.alike]
    return True


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_what_is_claimed_is_what_was_recorded(
    trial: Trial, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "REGISTER_STEPS_MAX", 50_000)
    require(trial.platform, trial.program.name)
    chance = random.Random(trial.run_name)
    with open_trace(studio.recording(trial).trace) as trace, ExitStack() as opened:
        timeline = opened.enter_context(closing(Timeline(trace)))
        symbols = Symbols(timeline.guest)
        timeline.seek(timeline.end)
        last = timeline.steps
        for _ in range(PLACES):
            timeline.step(chance.randrange(last // 4, last) - timeline.steps)
            here = timeline.position
            for where in anything(timeline, chance):
                before = bytes_at(where, timeline)
                check(find_origin(timeline, symbols, where), trace)
                assert timeline.position == here
                assert bytes_at(where, timeline) == before


@pytest.mark.parametrize("trial", [each for each in TRIALS if each.run_name in ECHOING], ids=str)
def test_bytes_sent_are_bytes_received(trial: Trial, studio: Studio) -> None:
    """A guest that echoes has most of what it sends from what it has received."""
    require(trial.platform, trial.program.name)
    chance, asked, named = random.Random(9), 0, 0
    with open_trace(studio.recording(trial).trace) as trace, ExitStack() as opened:
        timeline = opened.enter_context(closing(Timeline(trace)))
        symbols = Symbols(timeline.guest)
        sending = [each.index for each in trace.events() if each.call.name == "NetWrite"]
        for event in sending[:FRAMES_MAX]:
            timeline.seek(Position(event + 1))
            timeline.step(-1)
            address, size = frame_ahead(timeline, trial)
            for offset in chance.sample(range(size), BYTES_OF_EACH):
                asked += 1
                where = InMemory(address + offset, 1)
                named += check(find_origin(timeline, symbols, where), trace)
    assert named > asked // 4


def frame_ahead(timeline: Timeline, trial: Trial) -> tuple[int, int]:
    """Address and size of what the guest is about to send."""
    registers = timeline.registers()
    if trial.platform.target == "spt":
        return registers["rsi"], registers["rdx"]
    request = timeline.read(registers["rax"], NET.size)
    assert request is not None
    _, address, size, _ = NET.unpack(request)
    return address, size
