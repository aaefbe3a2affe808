from __future__ import annotations

from pathlib import Path

import pytest

from monitors.calls import Call, Result
from monitors.calls.block import BlockRead
from replay.machine.ending import Halted
from replay.machine.position import Position
from replay.player import rewind
from replay.player.errors import BadPosition
from replay.player.machine_view import MachineView
from replay.player.rewind import RewindableReplay
from tests.unit.replay.player.travelled import (
    BOX_BYTES,
    SECTOR,
    Journey,
    Moment,
    replaying,
)
from traces.reader import open_trace


def moment(replay: RewindableReplay, journey: Journey) -> Moment:
    """Where a replay stands, to be compared with the model."""
    view = MachineView(replay.machine)
    box = view.read(journey.box, BOX_BYTES)
    assert box is not None
    return Moment(replay.position, replay.steps, view.registers()["rip"], box)


def test_seek_and_seek_steps_lead_to_the_model_from_anywhere(journey: Journey) -> None:
    moments = [*journey.moments[::211], journey.moments[-1]]
    with replaying(journey.path) as replay:
        for each in (*moments, *reversed(moments), *moments[::3]):
            replay.seek(each.position)
            assert moment(replay, journey) == each
        for each in (*reversed(moments), *moments):
            replay.seek_steps(each.steps)
            assert moment(replay, journey) == each
        replay.seek_steps(journey.moments[-1].steps + 100)
        assert replay.position == replay.end
        assert len(replay.checkpoints) > 3


def test_positions_that_there_are_not(journey: Journey) -> None:
    with replaying(journey.path) as replay:
        for beyond in (Position(replay.end.event, 1), Position(replay.end.event + 1)):
            with pytest.raises(BadPosition, match="beyond the end") as raised:
                replay.seek(beyond)
            assert raised.value.last == replay.end
            assert replay.position == Position(0)
        for _ in range(2):  # from before, and from behind
            with pytest.raises(BadPosition, match="does not exist") as raised:
                replay.seek(Position(18, 65))
            assert raised.value.last == Position(18, 64)
            replay.seek(raised.value.last)
            assert replay.position == Position(18, 64)
            replay.seek(replay.end)


def test_forward_stops_for_limits_steps_and_checkpoints(journey: Journey) -> None:
    with replaying(journey.path) as replay:
        assert replay.forward(Position(5, 7), 3) is None
        assert replay.position == Position(0, 3)
        while replay.position < Position(5, 7):
            assert replay.forward(Position(5, 7)) is None
        assert replay.position == Position(5, 7)
        assert len(replay.checkpoints) > 1
        ending = None
        while ending is None:
            ending = replay.forward(replay.end)
        assert ending == Halted(7)
        assert replay.position == replay.end


def test_crossings_and_host_writes_are_told(journey: Journey) -> None:
    events: list[tuple[int, type[Call]]] = []
    written: list[tuple[int, int]] = []

    def crossed(index: int, call: Call, _result: Result) -> None:
        events.append((index, type(call)))
        if type(call) is BlockRead:
            replay.pause()

    with replaying(journey.path) as replay:
        replay.seek(Position(18, 1))
        replay.on_event = crossed
        replay.watch_host_writes(lambda start, end: written.append((start, end)))
        replay.forward(replay.end)
        assert replay.position == Position(19)
        assert events == [(18, BlockRead)]
        sector = journey.box + SECTOR
        assert (sector, sector + 512) in written


def test_no_checkpoint_stands_in_a_repeated_instruction(journey: Journey) -> None:
    begin, behind = journey.at("copying")[0], journey.at("copied")[0]
    with replaying(journey.path, cadence=32) as replay:
        replay.seek(Position(begin.event, begin.instructions - 10))
        replay.seek(Position(begin.event, begin.instructions + 25))
        assert MachineView(replay.machine).stands_at_repeated()
        replay.seek(Position(17))
        positions = replay.checkpoints.positions
        assert not [each for each in positions if begin <= each < behind]
        assert [each for each in positions if behind <= each <= Position(17)]


def test_an_interrupt_ends_the_journey_under_way_and_no_other(journey: Journey) -> None:
    goal = journey.moments[1500]
    with replaying(journey.path) as replay:
        replay.interrupt()  # meant for nothing
        replay.begin()
        replay.seek(goal.position)
        assert moment(replay, journey) == goal
        replay.progress = lambda _: replay.interrupt()
        replay.seek(replay.end)
        assert replay.was_interrupted()
        assert goal.position < replay.position < replay.end
        replay.progress = None
        replay.begin()
        replay.seek(goal.position)
        assert moment(replay, journey) == goal


def test_nothing_is_left_of_a_replay_that_cannot_begin(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a verifier that cannot begin")

    monkeypatch.setattr(rewind, "StateVerifier", fail)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_trace(journey.path) as trace, pytest.raises(ValueError, match="cannot begin"):
        RewindableReplay(trace, checkpoint_memory=1 << 20)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
