from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.calls import Call, Result
from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.clock import MONOTONIC_CLOCK, WALL_CLOCK, ClockReading
from monitors.calls.lifecycle import DONE
from monitors.calls.net import IoStatus, NetFrame, NetRead
from monitors.calls.poll import Poll, PollResult, ReadySet, SetTimer, WaitReady
from monitors.calls.traps import READ_TSC, READ_TSCP, TscReading
from replay.devices.chaos import FAMILIES, SEED_MAX, Chaos
from replay.machine.ending import Halted
from replay.player.starting import start_replay
from replay.testing.cases import scripted_world
from replay.toolchain.programs import find_program
from tests.unit.replay.recordings import Recorder
from traces.reader import open_trace

SEEDS = st.integers(0, SEED_MAX)
TSC_HZ = 2_000_000_000


class Host:
    """A host whose time passes by a nanosecond a call, with numbered frames."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000
        self.frames = 0
        self.asked: list[Call] = []

    def answer(self, call: Call) -> Result:
        self.now += 1
        self.asked.append(call)
        match call:
            case NetRead(length=length):
                self.frames += 1
                return NetFrame(0, (self.frames.to_bytes(4, "big") * 15)[:length])
            case Poll():
                return PollResult(0)
            case WaitReady():
                return ReadySet(0, timer_fired=False)
            case BlockRead(length=length):
                return BlockData(0, bytes(length))
            case BlockWrite():
                return IoStatus(0)
            case SetTimer():
                return DONE
        if call in (READ_TSC, READ_TSCP):
            return TscReading(2 * self.now)
        return ClockReading(self.now)


CALLS = (
    *(WALL_CLOCK, MONOTONIC_CLOCK, READ_TSC, READ_TSCP),
    *(Poll(1_000_000), Poll(0), WaitReady(10), WaitReady(-1), SetTimer(0), SetTimer(10**12)),
    *(NetRead(1, 1514), NetRead(2, 20), BlockRead(3, 0, 512), BlockWrite(3, 0, bytes(512))),
)


def run(seed: int, families: tuple[str, ...] = FAMILIES) -> tuple[list[Result], Chaos]:
    chaos = Chaos(Host(), seed, TSC_HZ, families)
    return [chaos.answer(call) for _ in range(40) for call in CALLS], chaos


@given(SEEDS)
def test_a_seed_is_a_world(seed: int) -> None:
    first, chaos = run(seed)
    again, other = run(seed)
    assert first == again
    assert chaos.done == other.done
    assert chaos.seed == seed


@given(SEEDS)
def test_time_never_goes_back(seed: int) -> None:
    results, _ = run(seed)
    pairs = list(zip([call for _ in range(40) for call in CALLS], results, strict=True))
    for kinds, of in (((MONOTONIC_CLOCK,), ClockReading), ((READ_TSC, READ_TSCP), TscReading)):
        read = [result for call, result in pairs if call in kinds]
        values = [each.ns if of is ClockReading else each.cycles for each in read]  # type: ignore
        assert values == sorted(values)
        assert len(set(values)) == len(values)


def test_without_families_the_world_is_as_it_is() -> None:
    results, chaos = run(7, ())
    host = Host()
    assert results == [host.answer(call) for _ in range(40) for call in CALLS]
    assert not chaos.done


@pytest.mark.parametrize(
    ("family", "faults"),
    [
        ("clock", {"clock ahead", "wall clock set"}),
        ("poll", {"wait ends early", "wait ends late"}),
        ("net", {"frame lost", "frame twice", "frame late", "frame cut", "frames swapped"}),
        ("block", {"disk slow", "disk error"}),
    ],
)
def test_everything_happens_to_somebody(family: str, faults: set[str]) -> None:
    done: Counter[str] = Counter()
    for seed in range(30):
        done += run(seed, (family,))[1].done
    assert set(done) == faults


def test_frames_are_lost_doubled_and_swapped_but_never_invented() -> None:
    for seed in range(50):
        chaos = Chaos(Host(), seed, TSC_HZ, ("net",))
        read = [chaos.answer(NetRead(1, 1514)) for _ in range(300)]
        data = [each.data for each in read if isinstance(each, NetFrame) and each.status == 0]
        whole = [int.from_bytes(each[:4], "big") for each in data if len(each) >= 4]
        assert set(whole) <= set(range(1, 301))
        seen = len(whole) - len(set(whole))
        assert seen <= chaos.done["frame twice"]


def test_what_is_held_back_is_ready_at_once() -> None:
    for seed in range(200):
        host = Host()
        chaos = Chaos(host, seed, TSC_HZ, ("net",))
        chaos.answer(NetRead(5, 1514))
        if chaos.done["frame late"] or chaos.done["frame twice"]:
            assert chaos.answer(Poll(10**12)) == PollResult(1 << 5)
            assert chaos.answer(WaitReady(-1)) == ReadySet(1 << 5, timer_fired=False)
            assert Poll(10**12) not in host.asked
            return
    raise AssertionError("no frame was held back")


def test_a_timer_is_set_by_the_guests_clock() -> None:
    host = Host()
    chaos = Chaos(host, 3, TSC_HZ, ("clock",))
    ahead = 0
    while not ahead:
        reading = chaos.answer(MONOTONIC_CLOCK)
        assert isinstance(reading, ClockReading)
        ahead = reading.ns - host.now
    chaos.answer(SetTimer(host.now + ahead + 500))
    assert host.asked[-1] == SetTimer(host.now - 1 + 500)
    chaos.answer(SetTimer(0))
    assert host.asked[-1] == SetTimer(0)
    chaos.answer(SetTimer(1))
    assert host.asked[-1] == SetTimer(1), "0 would stop it"


def test_short_buffers_get_short_frames() -> None:
    for seed in range(50):
        chaos = Chaos(Host(), seed, TSC_HZ, ("net",))
        for _ in range(50):
            chaos.answer(NetRead(1, 1514))
            frame = chaos.answer(NetRead(1, 10))
            assert isinstance(frame, NetFrame)
            assert len(frame.data) <= 10


@pytest.mark.slow
@pytest.mark.parametrize("program", ["blk", "time"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happened_is_in_the_trace(recorder: Recorder, program: str, seed: int) -> None:
    case = find_program(program).cases("hvt")[0]
    plan = recorder.plan(program, *case.args, blocks=len(case.blocks), nets=len(case.nets))
    chaos = Chaos(scripted_world(case, plan), seed, plan.tsc_hz)
    recording = recorder.record_plan(plan, chaos)
    with open_trace(recording.path) as trace:
        session, _ = start_replay(trace, "auto")
        replayed = session.run()
        session.close()
    assert replayed.ending == recording.recorded.ending
    assert isinstance(replayed.ending, Halted)
    assert replayed.digests_verified
