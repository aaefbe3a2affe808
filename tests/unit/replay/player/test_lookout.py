from __future__ import annotations

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.machine.position import Position
from replay.player.lookout import Found, Lookout, aligned_pieces
from replay.player.rewind import RewindableReplay
from replay.player.stops import Break, Wanted, Watch, Why
from tests.unit.replay.player.travelled import SECTOR, TARGET, WORDS, Journey, replaying


def look(
    replay: RewindableReplay, wanted: Wanted, begin: Position, end: Position, *, stopping: bool
) -> list[Found]:
    """All places between two positions."""
    replay.seek(begin)
    with Lookout(replay, wanted, stopping=stopping, pausing=False) as lookout:
        while replay.position < end:
            lookout.judge(replay.forward(end))
        assert not lookout.vague
        return list(lookout.found)


def watch(journey: Journey, offset: int, size: int, holds: bool | None = None) -> Watch:
    condition = None if holds is None else lambda _: holds
    return Watch(Watchpoint(journey.box + offset, size, Access.WRITE), condition)


@pytest.mark.parametrize(
    ("address", "size", "expected"),
    [
        (16, 8, [(16, 8)]),
        (17, 1, [(17, 1)]),
        (17, 4, [(17, 1), (18, 2), (20, 1)]),
        (13, 16, [(13, 1), (14, 2), (16, 8), (24, 4), (28, 1)]),
        (4, 64, [(4, 4), *((at, 8) for at in range(8, 64, 8)), (64, 4)]),
    ],
)
def test_pieces_are_aligned(address: int, size: int, expected: list[tuple[int, int]]) -> None:
    pieces = aligned_pieces(Watchpoint(address, size, Access.READ))
    assert pieces == [Watchpoint(at, length, Access.READ) for at, length in expected]


@pytest.mark.parametrize("stopping", [True, False])
def test_breakpoints_and_accesses_between_two_places(journey: Journey, stopping: bool) -> None:
    storing, copied = journey.at("storing")[0], journey.at("copied")[0]
    at = Break(journey["storing"])
    stored = watch(journey, WORDS + 7, 2)
    behind = Position(storing.event, storing.instructions + 1)
    with replaying(journey.path) as replay:
        wanted = Wanted(breaks=(at,), watches=(stored,))
        found = look(replay, wanted, copied, Position(17), stopping=stopping)
        assert found == [
            Found(Why.BREAK, storing, storing, at),
            Found(Why.WATCH, storing, behind, stored),
        ]
        assert not look(replay, wanted, behind, Position(17), stopping=stopping)


@pytest.mark.parametrize("stopping", [True, False])
def test_a_piece_that_ends_or_begins_at_a_breakpoint(journey: Journey, stopping: bool) -> None:
    storing = journey.at("storing")[0]
    wanted = Wanted(breaks=(Break(journey["storing"]),))
    before = Position(storing.event, storing.instructions - 5)
    with replaying(journey.path) as replay:
        found = look(replay, wanted, before, storing, stopping=stopping)
        # In passing, only instructions that are executed are seen.
        assert [each.open for each in found] == ([storing] if stopping else [])
        found = look(replay, wanted, storing, Position(17), stopping=stopping)
        assert [each.open for each in found] == ([] if stopping else [storing])


def test_a_place_is_judged_once(journey: Journey) -> None:
    storing = journey.at("storing")[0]
    with replaying(journey.path) as replay:
        replay.seek(storing)
        wanted = Wanted(breaks=(Break(journey["storing"]),))
        with Lookout(replay, wanted, stopping=True, pausing=False) as lookout:
            lookout.judge_break(storing)
            lookout.judge_break(storing)
            assert len(lookout.found) == 1
            lookout.clear()
            assert not lookout.found
        with Lookout(replay, wanted, stopping=True, pausing=False) as lookout:
            lookout.pass_over(storing)
            lookout.judge_break(storing)
            assert not lookout.found


@pytest.mark.parametrize("step", [1, 7, 40])
def test_a_repeated_instruction_is_come_to_once(journey: Journey, step: int) -> None:
    begin, copied = journey.at("copying")[0], journey.at("copied")[0]
    wanted = Wanted(breaks=(Break(journey["copying"]),))
    for back, count in ((3, 1), (0, 0), (-9, 0)):
        with replaying(journey.path) as replay:
            replay.seek(Position(begin.event, begin.instructions - back))
            with Lookout(replay, wanted, stopping=True, pausing=False) as lookout:
                lookout.pass_over(replay.position)
                while replay.position < copied:
                    lookout.judge(replay.forward(copied, step))
                assert [each.open for each in lookout.found] == [begin] * count


def test_two_breakpoints_at_one_address_and_the_first_that_holds(journey: Journey) -> None:
    tick, never = Break(journey["tick"]), Break(journey["tick"], lambda _: False)
    first, second = journey.at("tick")[:2]
    with replaying(journey.path) as replay:
        for breaks in ((tick, never), (never, tick)):
            wanted = Wanted(breaks=breaks)
            found = look(replay, wanted, journey.moments[0].position, second, stopping=True)
            assert [(each.open, each.hit) for each in found] == [(first, tick), (second, tick)]


def test_watches_of_the_same_memory_are_all_asked(journey: Journey) -> None:
    copying = journey.at("copying")[0]
    end = Position(copying.event, copying.instructions + 8)
    no, yes = watch(journey, TARGET, 8, False), watch(journey, TARGET, 8, True)
    with replaying(journey.path) as replay:
        for watches in ((no, yes), (yes, no)):
            found = look(replay, Wanted(watches=watches), copying, end, stopping=True)
            assert [each.hit for each in found] == [yes] * 8


@pytest.mark.parametrize("is_conditional", [True, False])
def test_of_neighbours_the_one_accessed_is_told(journey: Journey, is_conditional: bool) -> None:
    copying = journey.at("copying")[0]
    end = Position(copying.event, copying.instructions + 8)
    holds = True if is_conditional else None
    low, high = watch(journey, TARGET, 4, holds), watch(journey, TARGET + 4, 4, holds)
    with replaying(journey.path) as replay:
        for watches in ((low, high), (high, low)):
            found = look(replay, Wanted(watches=watches), copying, end, stopping=True)
            assert [each.hit for each in found] == [low] * 4 + [high] * 4


def test_what_the_host_writes(journey: Journey) -> None:
    begin, open_, made = Position(18, 20), Position(18, 64), Position(19)
    inside, outside = watch(journey, SECTOR + 500, 4), watch(journey, SECTOR + 512, 4)
    no, yes = watch(journey, SECTOR, 1, False), watch(journey, SECTOR + 8, 1, True)
    with replaying(journey.path) as replay:
        wanted = Wanted(watches=(inside, outside))
        found = look(replay, wanted, begin, Position(19, 5), stopping=False)
        assert found == [Found(Why.WATCH, open_, made, inside)]
        for watches in ((no, yes), (yes, no)):
            found = look(replay, Wanted(watches=watches), begin, Position(19, 5), stopping=True)
            assert found == [Found(Why.WATCH, open_, made, yes)]
        reads = Watch(Watchpoint(inside.point.address, 4, Access.READ))
        wanted = Wanted(watches=(reads,))
        assert not look(replay, wanted, begin, Position(19, 5), stopping=False)


def test_events(journey: Journey) -> None:
    with replaying(journey.path) as replay:
        odd = Wanted(event=lambda index, _call, _result: index % 2 == 1)
        found = look(replay, odd, Position(0), Position(6), stopping=False)
        assert found == [Found(Why.EVENT, Position(at), Position(at)) for at in (2, 4, 6)]
        with Lookout(replay, odd, stopping=False, pausing=True) as lookout:
            while not lookout.found:
                replay.forward(replay.end)
            assert replay.position == Position(8)


def test_nobody_looks_out_any_more(journey: Journey) -> None:
    storing = journey.at("storing")[0]
    wanted = Wanted(breaks=(Break(journey["storing"]),), watches=(watch(journey, WORDS, 64),))
    with replaying(journey.path) as replay:
        replay.seek(journey.moments[0].position)
        with pytest.raises(KeyError), Lookout(replay, wanted, stopping=True, pausing=True):
            raise KeyError
        while replay.position < Position(17):
            assert replay.forward(Position(17)) is None
        assert replay.on_event is None
        assert replay.on_stretch is None
        assert storing < replay.position
