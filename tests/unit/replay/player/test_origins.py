from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from monitors.calls.clock import MONOTONIC_CLOCK
from monitors.calls.net import NetRead
from replay.engines.effects import instruction_at
from replay.machine.position import Position
from replay.player import origins
from replay.player.errors import PlayerError
from replay.player.origins import (
    FOLLOWED,
    CallBytes,
    Kind,
    NoValue,
    Origin,
    call_name,
    find_origin,
    register_name,
    written_out,
)
from replay.player.stops import Break, Direction, Wanted
from replay.player.symbols import Symbols
from replay.player.timeline import Timeline
from replay.player.whereabouts import InMemory, InRegister, bytes_at
from tests.unit.replay.player.traced import FRAMES, Traced, at_end

COPIED, COMPUTED = Kind.COPIED, Kind.COMPUTED
CONSTANT, CALL, INITIAL = Kind.CONSTANT, Kind.CALL, Kind.INITIAL


@pytest.fixture(scope="module")
def opened(traced: Traced) -> Iterator[tuple[Timeline, Symbols]]:
    """One timeline for all questions."""
    with at_end(traced) as both:
        yield both


@pytest.fixture
def at(opened: tuple[Timeline, Symbols]) -> tuple[Timeline, Symbols]:
    """The same at the end."""
    opened[0].seek(opened[0].end)
    return opened


def origin_of(
    at: tuple[Timeline, Symbols], traced: Traced, name: str, offset: int, size: int
) -> Origin:
    timeline, symbols = at
    found = find_origin(timeline, symbols, InMemory(traced[name] + offset, size))
    assert timeline.position == timeline.end
    return found


def events(timeline: Timeline, name: str) -> list[int]:
    return [each.index for each in timeline.trace.events() if each.call.name == name]


@pytest.mark.parametrize(
    ("name", "offset", "size", "kinds", "first", "count"),
    [
        ("by_string", 11, 1, [COPIED, CALL], 11, 1),
        ("by_string", 11, 20, [COPIED, CALL], 11, 20),
        ("by_words", 8, 8, [COPIED, COPIED, CALL], 8, 8),
        ("by_words", 9, 20, [COPIED, COPIED, CALL], 9, 20),
        ("by_sse", 3, 16, [COPIED, COPIED, COPIED, COPIED, COPIED, CALL], 16, 16),
        ("by_sse", 4, 1, [COPIED, COPIED, COPIED, COPIED, COPIED, CALL], 17, 1),
        ("by_sse", 32, 16, [COPIED, COPIED, COPIED, COPIED, CALL], 40, 8),
        ("by_sse", 40, 8, [COPIED, COPIED, COPIED, COPIED, CALL], 48, 8),
        ("pushed", 0, 8, [COPIED] * 6 + [CALL], 8, 8),
        ("swapped", 0, 8, [COPIED] * 7 + [CALL], 8, 8),
        ("chosen", 0, 8, [COPIED] * 8 + [CALL], 8, 8),
        ("compared", 0, 8, [COPIED, COPIED, COPIED, CALL], 16, 8),
        ("found", 0, 8, [COPIED, COPIED, COPIED, COPIED, COPIED, CALL], 16, 8),
        ("swapped_order", 0, 4, [COPIED, COMPUTED, COPIED, COPIED, CALL], 20, 4),
        ("extended", 0, 8, [COPIED, COPIED, COPIED, CALL], 40, 1),
        ("mixed", 2, 1, [COPIED, COPIED, COPIED, CALL], 5, 1),
        ("mixed", 3, 1, [COPIED, COPIED, COPIED, CALL], 9, 1),
        ("mixed", 2, 2, [COPIED, COPIED, COPIED, CALL], 5, 1),
        ("mixed", 2, 4, [COPIED, COPIED, COPIED, CALL], 5, 1),
        ("halves", 0, 16, [COPIED, COPIED, COPIED, CALL], 24, 8),
        ("halves", 8, 8, [COPIED, COPIED, COPIED, COPIED, CALL], 32, 8),
    ],
)
def test_bytes_of_the_first_frame(
    at: tuple[Timeline, Symbols],
    traced: Traced,
    name: str,
    offset: int,
    size: int,
    kinds: list[Kind],
    first: int,
    count: int,
) -> None:
    found = origin_of(at, traced, name, offset, size)
    assert [step.kind for step in found.steps] == kinds
    call = found.call
    assert call is not None
    event = events(at[0], "NetRead")[0]
    assert call.event == event
    assert (call.call, call.device, call.field) == ("net_read", "service0", "")
    assert (call.offset, call.size, call.total) == (first, count, len(FRAMES[0]))
    assert found.is_complete
    last = found.steps[-1]
    assert last.value == FRAMES[0][first : first + count]
    assert last.derived == (COMPUTED in kinds)
    assert last.position.event == event


def test_other_calls(at: tuple[Timeline, Symbols], traced: Traced) -> None:
    second = origin_of(at, traced, "frame", 5, 4)
    event = events(at[0], "NetRead")[1]
    assert second.call == CallBytes(event, "net_read", "service0", "", 5, 4, 74, 4)
    picked = origin_of(at, traced, "picked", 0, 16)
    (read,) = events(at[0], "BlockRead")
    assert picked.call == CallBytes(read, "block_read", "storage", "", 100, 16, 512, 16)
    counter = origin_of(at, traced, "cycles_low", 0, 4).call
    assert counter is not None
    assert (counter.call, counter.field) == ("read_tsc", "cycles, low half")
    features = origin_of(at, traced, "features", 0, 4).call
    assert features is not None
    assert (features.call, features.field) == ("cpuid", "edx")


def test_what_no_call_has_brought(at: tuple[Timeline, Symbols], traced: Traced) -> None:
    kept = origin_of(at, traced, "left", 0, 8)
    assert [step.kind for step in kept.steps] == [COPIED, CONSTANT]
    assert kept.steps[-1].note == "0x8"
    assert kept.call is None
    summed = origin_of(at, traced, "summed", 0, 8).steps
    assert [step.kind for step in summed] == [COPIED, COMPUTED]
    assert len(summed[-1].inputs) == 2
    assert set(summed[-1].input_names) == {"rax", "rdx"}
    counted = origin_of(at, traced, "counted", 0, 8).steps
    assert [step.kind for step in counted] == [COPIED, COMPUTED, COPIED] * 2 + [INITIAL]
    assert [step.value[0] for step in counted] == [46, 46, 42, 42, 42, 41, 41]
    assert counted[-1].note == "in the guest's file: .data, counted"
    zero = origin_of(at, traced, "zero", 0, 8).steps
    assert [(step.kind, step.note) for step in zero] == [(INITIAL, "0 since the start: .bss, zero")]


def test_every_step_is_where_it_says(at: tuple[Timeline, Symbols], traced: Traced) -> None:
    """Its position is before the write, and behind it the value is there."""
    timeline, _ = at
    for name, size in (("by_sse", 16), ("found", 8), ("halves", 16), ("counted", 8)):
        timeline.seek(timeline.end)
        for step in origin_of(at, traced, name, 0, size).steps[:-1]:
            assert step.place is not None
            timeline.seek(step.position)
            assert timeline.registers()["rip"] == step.place.address
            assert step.came_from is not None
            if step.kind is COPIED:
                assert bytes_at(step.came_from, timeline) == step.value
            timeline.step(1)
            if "rep" not in step.instruction:
                assert bytes_at(step.where, timeline) == step.value


def test_registers_and_what_functions_keep(at: tuple[Timeline, Symbols], traced: Traced) -> None:
    timeline, symbols = at
    timeline.run(Direction.BACKWARD, Wanted(breaks=[Break(traced["unrelated"])]))
    here = timeline.position
    saved = find_origin(timeline, symbols, InRegister("rbx"))
    assert saved.steps[0].kind is Kind.KEPT
    assert saved.steps[0].where_name == "rbx"
    assert saved.steps[0].place is not None
    assert saved.steps[0].place.function == "unrelated"
    assert timeline.position == here
    wide = find_origin(timeline, symbols, InRegister("xmm5", 16))
    assert wide.call is not None
    assert wide.call.offset == 16


def test_bounds(
    at: tuple[Timeline, Symbols], traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "HOPS_MAX", 3)
    found = origin_of(at, traced, "chosen", 0, 8)
    assert len(found.steps) == 4
    assert found.steps[-1].kind is Kind.LOST
    assert found.steps[-1].note == "it was not followed over more than 3 steps"
    assert not found.is_complete
    monkeypatch.setattr(origins, "REGISTER_STEPS_MAX", 10)
    timeline, symbols = at
    far = find_origin(timeline, symbols, InRegister("xmm5", 16))
    assert [step.note for step in far.steps] == [
        "not written in 10 instructions, not followed further"
    ]


def test_cancelled_and_interrupted(at: tuple[Timeline, Symbols], traced: Traced) -> None:
    timeline, symbols = at
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    what = InMemory(traced["chosen"], 8)
    found = find_origin(timeline, symbols, what, cancelled=cancelled)
    assert [step.kind for step in found.steps] == [COPIED, COPIED, Kind.LOST]
    assert found.steps[-1].note == "interrupted"
    assert timeline.position == timeline.end

    def interrupt(_: Position) -> None:
        timeline._replay.progress = None
        timeline.interrupt()

    timeline.run(Direction.BACKWARD, Wanted(breaks=[Break(traced["unrelated"])]))
    here = timeline.position
    timeline._replay.progress = interrupt
    try:
        found = find_origin(timeline, symbols, InRegister("xmm5", 16))
    finally:
        timeline._replay.progress = None
    assert found.steps[-1].note == "interrupted"
    assert timeline.position == here


def test_the_timeline_returns_after_a_failure(
    at: tuple[Timeline, Symbols], traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline, symbols = at
    calls: list[Position] = []

    def failing(*_: object, **__: object) -> None:
        timeline.step(-100)
        calls.append(timeline.position)
        raise PlayerError("it fails")

    monkeypatch.setattr(timeline, "last_register_write", failing)
    with pytest.raises(PlayerError, match="it fails"):
        find_origin(timeline, symbols, InMemory(traced["chosen"], 8))
    assert calls
    assert timeline.position == timeline.end


def test_what_has_no_value(at: tuple[Timeline, Symbols]) -> None:
    timeline, symbols = at
    for what in (
        InMemory(1 << 40, 8),
        InMemory(0x100000, 65),
        InMemory(0x100000, 0),
        InRegister("cr3"),
        InRegister("rflags"),
        InRegister("rax", 8, 12),
    ):
        with pytest.raises(NoValue):
            find_origin(timeline, symbols, what)


def test_registers_at_the_start(at: tuple[Timeline, Symbols]) -> None:
    timeline, symbols = at
    timeline.seek(timeline.start)
    found = find_origin(timeline, symbols, InRegister("rbp"))
    assert [(each.kind, each.note) for each in found.steps] == [
        (INITIAL, "what it held at the start")
    ]


def test_random_bytes_of_buffers_are_those_of_their_events(
    at: tuple[Timeline, Symbols], traced: Traced
) -> None:
    """Whatever says that it is a byte of a frame is that byte."""
    chance, named = random.Random(5), 0
    frames = dict(zip(events(at[0], "NetRead"), FRAMES, strict=True))
    buffers = [("frame", 74), ("by_string", 60), ("by_words", 56), ("by_sse", 48), ("halves", 16)]
    for _ in range(40):
        name, size = chance.choice(buffers)
        length = min(chance.choice((1, 1, 2, 4, 8)), size)
        offset = chance.randrange(size - length + 1)
        found = origin_of(at, traced, name, offset, length)
        call = found.call
        if call is None:
            continue
        named += 1
        data = frames[call.event]
        assert call.total == len(data)
        assert data[call.offset : call.offset + call.size] == found.value[: call.size]
        assert data[call.offset : call.offset + call.alike] == found.value[: call.alike]
    assert named > 30


def test_names() -> None:
    assert call_name(NetRead(0, 1)) == "net_read"
    assert call_name(MONOTONIC_CLOCK) == "monotonic_clock"
    names = {
        InRegister("rax"): "rax",
        InRegister("rax", 4): "eax",
        InRegister("rax", 2): "ax",
        InRegister("rax", 1): "al",
        InRegister("rsi", 1): "sil",
        InRegister("rsi", 4): "esi",
        InRegister("r9", 4): "r9d",
        InRegister("r9", 1): "r9b",
        InRegister("rax", 1, 1): "rax[1..2)",
        InRegister("xmm1", 16): "xmm1",
        InRegister("xmm1", 8): "xmm1[0..8)",
    }
    assert {where: register_name(where) for where in names} == names
    assert "rflags" not in FOLLOWED
    copy = instruction_at(bytes.fromhex("f3a4"), 0)
    assert copy is not None
    assert written_out(copy) == "rep movsb (%rsi), (%rdi)"
