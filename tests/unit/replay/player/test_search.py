from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from replay.engines.ports import Access, Watchpoint
from replay.machine.position import Position
from replay.player import search
from replay.player.checkpoint import Checkpoint
from replay.player.lookout import Lookout, Vague
from replay.player.rewind import RewindableReplay
from replay.player.search import search_backward, search_first_time, search_forward
from replay.player.stops import Break, Condition, Wanted, Watch, Why
from tests.unit.replay.player.travelled import (
    BOX_SOURCE,
    CADENCE,
    NET_FRAME,
    NEVER,
    SECTOR,
    TARGET,
    WORDS,
    Journey,
    replaying,
)


def always(_view: object) -> bool:
    return True


CONDITIONS = pytest.mark.parametrize("condition", [None, always], ids=["noted", "asked"])


def onwards(replay: RewindableReplay, wanted: Wanted, begin: Position) -> list[Position]:
    """Every stop of runs from ``begin`` to the end."""
    replay.seek(begin)
    stops = []
    while search_forward(replay, wanted, replay.end, ignored) is not None:
        stops.append(replay.position)
    assert replay.position == replay.end
    return stops


def ignored(_ending: object) -> None:
    """Nobody wants to know how the guest ended."""


def backwards(replay: RewindableReplay, wanted: Wanted, floor: Position) -> list[Position]:
    """Every stop of runs from the end back to ``floor``, in the order of time."""
    replay.seek(replay.end)
    stops: list[Position] = []
    while search_backward(replay, wanted, floor) is not None:
        stops.insert(0, replay.position)
    assert replay.position == floor
    return stops


@CONDITIONS
@pytest.mark.parametrize("cadence", [CADENCE, NEVER])
def test_breakpoints_both_ways(journey: Journey, condition: Condition | None, cadence: int) -> None:
    begin = journey.moments[0].position
    with replaying(journey.path, cadence=cadence) as replay:
        for symbols in (("copying",), ("copied", "storing"), ("disk", "loading", "wide")):
            wanted = Wanted(breaks=[Break(journey[each], condition) for each in symbols])
            places = sorted(place for each in symbols for place in journey.at(each))
            assert onwards(replay, wanted, begin) == places
            assert backwards(replay, wanted, begin) == places


@CONDITIONS
def test_a_breakpoint_at_the_instruction_that_crosses(
    journey: Journey, condition: Condition | None
) -> None:
    pairs = zip(journey.moments, journey.moments[1:], strict=False)
    crossing = [one for one, other in pairs if other.position.event > one.position.event]
    rip = crossing[-3].rip
    places = [each.position for each in journey.moments if each.rip == rip]
    begin = journey.moments[0].position
    with replaying(journey.path) as replay:
        wanted = Wanted(breaks=(Break(rip, condition),))
        assert onwards(replay, wanted, begin) == places
        assert backwards(replay, wanted, begin) == places


@CONDITIONS
def test_the_place_where_a_run_begins_does_not_count(
    journey: Journey, condition: Condition | None
) -> None:
    first, second, third = journey.at("tick")[1:4]
    wanted = Wanted(breaks=(Break(journey["tick"], condition),))
    with replaying(journey.path) as replay:
        replay.seek(second)
        assert search_forward(replay, wanted, replay.end, ignored) is not None
        assert replay.position == third
        replay.seek(second)
        assert search_backward(replay, wanted, Position(0)) is not None
        assert replay.position == first


@CONDITIONS
def test_a_place_right_at_a_checkpoint(journey: Journey, condition: Condition | None) -> None:
    with replaying(journey.path) as replay:
        replay.seek(replay.end)
        places = {each.position: each for each in journey.moments}
        kept = [each for each in replay.checkpoints.positions if each in places]
        assert kept
        for position in kept:
            wanted = Wanted(breaks=(Break(places[position].rip, condition),))
            replay.seek(replay.end)
            while replay.position > position:
                assert search_backward(replay, wanted, Position(0)) is not None
            assert replay.position == position
            replay.seek(Position(position.event - 1))
            while replay.position < position:
                assert search_forward(replay, wanted, replay.end, ignored) is not None
            assert replay.position == position


@pytest.mark.slow
@CONDITIONS
def test_random_memory_is_watched_both_ways(journey: Journey, condition: Condition | None) -> None:
    chance, begin = random.Random(7), journey.moments[0].position
    with replaying(journey.path) as replay:
        for _ in range(8):
            low = chance.choice((WORDS - 2, TARGET - 3, TARGET, TARGET + 39))
            offset, size = low + chance.randrange(24), chance.choice((1, 2, 3, 4, 7, 8, 21, 33, 60))
            size = min(size, SECTOR - offset)  # there the host writes what was there
            point = Watchpoint(journey.box + offset, size, Access.WRITE)
            wanted = Wanted(watches=(Watch(point, condition),))
            expected = journey.changes(offset, size)
            assert onwards(replay, wanted, begin) == [made for _, made in expected]
            assert backwards(replay, wanted, begin) == [before for before, _ in expected]


@CONDITIONS
@pytest.mark.parametrize(
    ("access", "offset", "size", "symbols"),
    [
        (Access.READ, WORDS + 10, 4, ["loading"]),
        (Access.READ, WORDS + 13, 3, ["loading"]),
        (Access.READ, WORDS + 5, 5, []),
        (Access.WRITE, WORDS + 10, 4, ["storing"]),
        (Access.WRITE, WORDS + 33, 1, ["wide"]),
        (Access.READ_WRITE, WORDS + 10, 4, ["storing", "loading"]),
        (Access.READ_WRITE, WORDS + 12, 9, ["storing", "loading", "wide"]),
    ],
)
def test_reads_and_writes_are_told_apart(
    journey: Journey,
    condition: Condition | None,
    access: Access,
    offset: int,
    size: int,
    symbols: list[str],
) -> None:
    places = [journey.at(each)[0] for each in symbols]
    begin = journey.at("copied")[0]
    point = Watchpoint(journey.box + offset, size, access)
    wanted = Wanted(watches=(Watch(point, condition),))
    with replaying(journey.path) as replay:
        behind = [Position(each.event, each.instructions + 1) for each in places]
        assert onwards(replay, wanted, begin) == behind
        assert backwards(replay, wanted, begin) == places


@CONDITIONS
def test_inside_a_repeated_instruction(journey: Journey, condition: Condition | None) -> None:
    begin = journey.at("copying")[0]
    seventh = Position(begin.event, begin.instructions + 7)
    point = Watchpoint(journey.box + BOX_SOURCE + 7, 1, Access.READ)
    wanted = Wanted(watches=(Watch(point, condition),))
    with replaying(journey.path) as replay:
        assert onwards(replay, wanted, begin) == [Position(begin.event, begin.instructions + 8)]
        assert backwards(replay, wanted, begin) == [seventh]
        for middle in range(3, 40, 9):  # back to where it began, from its midst
            replay.seek(Position(begin.event, begin.instructions + middle))
            wanted = Wanted(breaks=(Break(journey["copying"], condition),))
            assert search_backward(replay, wanted, Position(0)) is not None
            assert replay.position == begin


@CONDITIONS
@pytest.mark.parametrize("offset", [SECTOR, NET_FRAME + 3])
def test_what_the_host_writes_both_ways(
    journey: Journey, condition: Condition | None, offset: int
) -> None:
    begin = journey.moments[0].position
    point = Watchpoint(journey.box + offset, 2, Access.WRITE)
    wanted = Wanted(watches=(Watch(point, condition),))
    expected = journey.changes(offset, 2)
    by_host = [made for before, made in expected if made.event > before.event]
    assert len(by_host) == (2 if offset == SECTOR else 1)
    with replaying(journey.path) as replay:
        assert onwards(replay, wanted, begin) == [made for _, made in expected]
        assert backwards(replay, wanted, begin) == [before for before, _ in expected]


def test_a_condition_on_the_value_is_asked_with_the_access_made(journey: Journey) -> None:
    point = Watchpoint(journey.box, 8, Access.WRITE)
    watch = Watch(point, lambda view: view.read(journey.box, 8) == (5).to_bytes(8, "little"))
    ((before, made),) = [journey.changes(0, 8)[4]]
    with replaying(journey.path) as replay:
        assert onwards(replay, Wanted(watches=(watch,)), Position(0)) == [made]
        assert backwards(replay, Wanted(watches=(watch,)), Position(0)) == [before]


def test_events_both_ways(journey: Journey) -> None:
    wanted = Wanted(event=lambda index, _call, _result: index % 5 == 3)
    expected = [Position(index + 1) for index in range(3, 29, 5)]
    with replaying(journey.path) as replay:
        assert onwards(replay, wanted, Position(0)) == [*expected]
        behind_the_end = [each for each in expected if each < replay.end]
        assert backwards(replay, wanted, Position(0)) == behind_the_end


def test_a_breakpoint_behind_an_access_that_does_not_count(journey: Journey) -> None:
    point = Watchpoint(journey.box + WORDS, 64, Access.WRITE)
    wanted = Wanted((Break(journey["loading"]),), (Watch(point, lambda _: False),))
    with replaying(journey.path) as replay:
        assert onwards(replay, wanted, Position(0)) == journey.at("loading")
        assert backwards(replay, wanted, Position(0)) == journey.at("loading")


@CONDITIONS
def test_of_several_kinds_the_nearest(journey: Journey, condition: Condition | None) -> None:
    stored = Watch(Watchpoint(journey.box + WORDS, 64, Access.WRITE), condition)
    breaks = (Break(journey["loading"], condition), Break(journey["disk"], condition))
    wanted = Wanted(breaks, (stored,), lambda index, _call, _result: index == 17)
    places = [*journey.changes(WORDS, 64)]
    others = [*journey.at("loading"), *journey.at("disk"), Position(18)]
    begin = journey.moments[0].position
    with replaying(journey.path) as replay:
        expected = sorted({*others, *(made for _, made in places)})
        assert onwards(replay, wanted, begin) == expected
        expected = sorted({*others, *(before for before, _ in places)})
        assert backwards(replay, wanted, begin) == expected


def test_a_floor_and_a_limit(journey: Journey) -> None:
    wanted = Wanted(breaks=(Break(journey["tick"]),))
    third, fourth = journey.at("tick")[2:4]
    between = Position(third.event, third.instructions + 1)
    with replaying(journey.path) as replay:
        replay.seek(between)
        assert search_forward(replay, wanted, fourth, ignored) is not None  # the limit counts
        replay.seek(between)
        before = Position(fourth.event, fourth.instructions - 1)
        assert search_forward(replay, wanted, before, ignored) is None
        assert replay.position == before
        assert search_backward(replay, wanted, between) is None
        assert replay.position == between
        assert search_backward(replay, wanted, third) is not None  # so does the floor
        assert replay.position == third
        assert search_backward(replay, wanted, fourth) is None  # it is not behind
        assert replay.position == third


def test_the_first_time(journey: Journey) -> None:
    def counted(count: int) -> Condition:
        return lambda view: int.from_bytes(view.read(journey.box, 8) or b"", "little") >= count

    with replaying(journey.path) as replay:
        for count in (1, 7, 40, 68):
            assert search_first_time(replay, counted(count))
            assert replay.position == journey.changes(0, 8)[count - 1][1]
        assert not search_first_time(replay, counted(69))
        assert replay.position == replay.end
        assert search_first_time(replay, always)
        assert replay.position == Position(0)


@pytest.mark.parametrize("search_one", ["on", "back", "first"])
def test_an_interrupt_leaves_a_place_of_the_recording(journey: Journey, search_one: str) -> None:
    places = {each.position: each.rip for each in journey.moments}
    never = Wanted(breaks=(Break(journey["tick"], lambda _: False),))
    searches: dict[str, Callable[[], object]] = {
        "on": lambda: search_forward(replay, never, replay.end, ignored),
        "back": lambda: search_backward(replay, never, journey.moments[0].position),
        "first": lambda: search_first_time(replay, always),
    }
    with replaying(journey.path) as replay:
        for begin in (journey.moments[300].position, replay.end):
            if search_one == "on" and begin == replay.end:
                continue
            replay.begin()
            replay.seek(begin)
            told: list[Position] = []

            def interrupt(position: Position, told: list[Position] = told) -> None:
                told.append(position)
                replay.interrupt()

            replay.progress = interrupt
            assert not searches[search_one]()
            replay.progress = None
            assert told
            assert replay.was_interrupted()
            here = replay.position
            registers = replay.engine.registers()
            replay.begin()
            replay.seek(replay.end)
            replay.seek(here)
            assert replay.engine.registers() == registers
            assert here not in places or registers["rip"] == places[here]


def test_accesses_that_an_engine_notes_by_blocks_are_found_exactly(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that does not tell which instruction of a block it was."""
    note = Lookout._note

    def note_vaguely(self: Lookout, begin: Position, hit: object) -> None:
        note(self, begin, hit)  # type: ignore[arg-type]
        for found in [each for each in self.found if each.why is Why.WATCH]:
            self.found.remove(found)
            low = max(0, found.open.instructions - 3)
            assert isinstance(found.hit, Watch)
            self.vague.append(Vague(found.open.event, low, found.made.instructions + 2, found.hit))

    monkeypatch.setattr(Lookout, "_note", note_vaguely)
    begin = journey.moments[0].position
    with replaying(journey.path) as replay:
        for offset, size in ((WORDS + 4, 4), (WORDS + 30, 4)):
            point = Watchpoint(journey.box + offset, size, Access.WRITE)
            wanted = Wanted(watches=(Watch(point),))
            expected = journey.changes(offset, size)
            assert onwards(replay, wanted, begin) == [made for _, made in expected]
            assert backwards(replay, wanted, begin) == [before for before, _ in expected]


def test_what_cannot_hold_anything_is_not_replayed(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[Position] = []
    scan = search._scan

    def noting(
        replay: RewindableReplay, wanted: Wanted, piece: Checkpoint, bound: Position, **how: bool
    ) -> object:
        scanned.append(piece.position)
        return scan(replay, wanted, piece, bound, **how)

    monkeypatch.setattr(search, "_scan", noting)
    untouched = Watch(Watchpoint(journey.box + 8, 8, Access.WRITE))
    with replaying(journey.path) as replay:
        replay.seek(replay.end)
        pieces = len(replay.checkpoints)
        assert search_backward(replay, Wanted(watches=(untouched,)), Position(0)) is None
        assert len(scanned) < pieces
        scanned.clear()
        replay.seek(replay.end)
        wanted = Wanted(breaks=(Break(journey["solo5_app_main"]),))
        assert search_backward(replay, wanted, Position(0)) is not None
        assert len(scanned) <= pieces // 2


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(breaks=(Break(0x50),)),
        Wanted(watches=(Watch(Watchpoint(0x800000, 8, Access.WRITE)),)),
    ],
    ids=["break", "watch"],
)
def test_known_time_without_anything_wanted_is_not_run_again(
    journey: Journey, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replaying(journey.path) as replay:
        replay.seek(replay.end)
        replay.seek(Position(0))
        pieces: list[Position] = []
        forward = replay.forward

        def counted(limit: Position, steps: int | None = None) -> object:
            pieces.append(replay.position)
            return forward(limit, steps)

        monkeypatch.setattr(replay, "forward", counted)
        assert search_forward(replay, wanted, replay.end, ignored) is None
        assert replay.position == replay.end
        assert len(replay.checkpoints) > 5
        assert len(pieces) <= 2
