from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from replay.engines.effects import Part, instruction_at, part_of
from replay.machine.position import Position
from replay.player import register_writes
from replay.player.register_writes import code_at, crosses
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.timeline import Timeline
from tests.unit.replay.player.traced import Traced, at_end

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r11")
FOLLOWED = (*GENERAL, "xmm0", "xmm1", "xmm3", "xmm5")
WALKED = 420
SAMPLES = 60


def whole(name: str) -> Part:
    part = part_of(name)
    assert part is not None
    return part


def walk(timeline: Timeline, traced: Traced) -> tuple[Sequence[Position], Sequence[dict[str, int]]]:
    """What a way by single steps sees, from the copying of the first frame on."""
    timeline.run(Direction.BACKWARD, Wanted(breaks=[Break(traced["copy_by_string"])]))
    positions, registers = [], []
    for _ in range(WALKED):
        positions.append(timeline.position)
        registers.append({name: timeline.registers()[name] for name in FOLLOWED})
        timeline.step(1)
    return positions, registers


def go_into_loop(timeline: Timeline, traced: Traced) -> None:
    """To near the end of the long loop in which few registers are written."""
    timeline.run(Direction.BACKWARD, Wanted(breaks=[Break(traced["unrelated"])]))


def test_every_change_is_found_where_it_happened(traced: Traced) -> None:
    chance = random.Random(3)
    with at_end(traced) as (timeline, _):
        positions, registers = walk(timeline, traced)
        changes = [
            (step, name)
            for step in range(WALKED - 1)
            for name in FOLLOWED
            if registers[step][name] != registers[step + 1][name]
        ]
        assert {name for _, name in changes} >= {*GENERAL, "xmm1"} - {"rbp", "r8", "r11"}
        for step, name in chance.sample(changes, SAMPLES):
            timeline.seek(positions[step + 1])
            stop = timeline.last_register_write(whole(name))
            assert stop is not None
            assert (stop.why, timeline.position) == (Why.REACHED, positions[step]), name


def test_nothing_has_changed_since_the_last_write(traced: Traced) -> None:
    chance = random.Random(4)
    with at_end(traced) as (timeline, _):
        positions, registers = walk(timeline, traced)
        for _ in range(SAMPLES):
            step, name = chance.randrange(WALKED), chance.choice(FOLLOWED)
            timeline.seek(positions[step])
            stop = timeline.last_register_write(whole(name))
            if stop is None or timeline.position < positions[0]:
                assert all(each[name] == registers[0][name] for each in registers[: step + 1])
                continue
            at = positions.index(timeline.position)
            assert all(each[name] == registers[step][name] for each in registers[at + 1 : step])
            rip = timeline.registers()["rip"]
            instruction = instruction_at(code_at(timeline, rip, 15), rip)
            assert instruction is not None
            assert instruction.changes(whole(name))


def test_parts_of_a_register_have_writes_of_their_own(traced: Traced) -> None:
    with at_end(traced) as (timeline, _):
        timeline.run(Direction.BACKWARD, Wanted(breaks=[Break(traced["instructions"])]))
        high = timeline.last_register_write(Part("rax", 1, 2))
        assert high is not None
        low = timeline.last_register_write(Part("rax", 0, 1))
        assert low is not None
        assert high.position.instructions - low.position.instructions == 1


@pytest.mark.parametrize("small", [False, True])
def test_far_away(traced: Traced, monkeypatch: pytest.MonkeyPatch, small: bool) -> None:
    """XMM5 is not written in the loop at the end, and many windows lie between."""
    if small:
        monkeypatch.setattr(register_writes, "_WINDOW_MAX", 300)
    with at_end(traced) as (timeline, _):
        go_into_loop(timeline, traced)
        here = timeline.steps
        stop = timeline.last_register_write(whole("xmm5"))
        assert stop is not None
        assert here - timeline.steps > 10_000


def test_never_and_not_within(traced: Traced) -> None:
    with at_end(traced) as (timeline, _):
        timeline.seek(Position(0, 1))
        assert timeline.last_register_write(whole("r15")) is None
        assert timeline.position == Position(0, 1)
        timeline.seek(timeline.end)
        go_into_loop(timeline, traced)
        here = timeline.position
        assert timeline.last_register_write(whole("xmm5"), within=500) is None
        assert timeline.position == here


def test_interrupted(traced: Traced) -> None:
    with at_end(traced) as (timeline, _):
        go_into_loop(timeline, traced)
        timeline._replay.progress = lambda _: timeline.interrupt()
        stop = timeline.last_register_write(whole("xmm5"))
        assert stop is not None
        assert stop.why is Why.INTERRUPTED


def test_instructions_that_may_cross() -> None:
    for code, expected in {"0f31": True, "ef": True, "0f05": True, "90": False}.items():
        instruction = instruction_at(bytes.fromhex(code), 0)
        assert instruction is not None
        assert crosses(instruction) is expected


def test_code_at_the_end_of_memory(traced: Traced) -> None:
    with at_end(traced) as (timeline, _):
        end = timeline.machine.ram.size
        assert code_at(timeline, end - 3, 100) == bytes(3)
        assert len(code_at(timeline, 0x100FFE, 100)) == 2 + 15
        assert len(code_at(timeline, 0x100000, 100)) == 100
        assert code_at(timeline, 1 << 40, 100) == b""
