from __future__ import annotations

import contextlib
import random
import shutil
import threading
from pathlib import Path

import pytest

from monitors.calls.console import ConsoleWrite
from replay.machine.ending import Halted
from replay.machine.position import Position
from replay.player.checkpoint import Checkpoint, CheckpointStore
from replay.player.errors import BadPosition, Divergence
from replay.player.rewind import RewindableReplay
from replay.player.session import Changes
from replay.player.stops import Break, Wanted, Why
from replay.player.timeline import Timeline
from tests.unit.replay.growing import Growing
from tests.unit.replay.player.travelled import (
    BACK,
    BOX_BYTES,
    ON,
    SECRET,
    SECTOR,
    TARGET,
    Journey,
    Moment,
    travelling,
)
from tests.unit.replay.recordings import Recorder


def moment(timeline: Timeline, journey: Journey) -> Moment:
    """Where a timeline stands, to be compared with the model."""
    box = timeline.read(journey.box, BOX_BYTES)
    assert box is not None
    return Moment(timeline.position, timeline.steps, timeline.registers()["rip"], box)


def changed_guest(journey: Journey) -> Changes:
    """It prints something else than the recorded one, in the midst of its run."""
    secret = SECRET.to_bytes(8, "little")
    assert journey.guest.count(secret) == 1
    return Changes(guest=journey.guest.replace(secret, b"changed!"))


def test_steps_over_events_and_at_both_ends(journey: Journey) -> None:
    moments = journey.moments
    crossing = next(
        at
        for at, each in enumerate(moments)
        if moments[at + 1].position.event > each.position.event
    )
    with travelling(journey.path) as timeline:
        stop = timeline.step(-1)
        assert (stop.why, stop.position) == (Why.START, timeline.start)
        timeline.seek(moments[crossing].position)
        assert timeline.step(1).why is Why.REACHED
        assert moment(timeline, journey) == moments[crossing + 1]
        assert timeline.position == Position(moments[crossing].position.event + 1)
        timeline.step(-1)
        assert moment(timeline, journey) == moments[crossing]
        assert timeline.step(0).position == moments[crossing].position
        timeline.step(1500)  # far enough for a jump
        assert moment(timeline, journey) == moments[crossing + 1500]
        timeline.step(-1500)
        assert moment(timeline, journey) == moments[crossing]
        for count in (10_000, 1):
            stop = timeline.step(count)
            assert (stop.why, stop.position) == (Why.END, timeline.end)
            assert stop.ending == Halted(7)
        timeline.step(-1)
        assert timeline.position < timeline.end
        assert timeline.step(-(10**9)).why is Why.START


def test_ends_of_runs(journey: Journey) -> None:
    with travelling(journey.path) as timeline:
        for wanted in (Wanted(), Wanted(until=Position(10**6))):
            stop = timeline.run(ON, wanted)
            assert (stop.why, stop.position, stop.ending) == (Why.END, timeline.end, Halted(7))
            assert timeline.run(BACK, Wanted()).why is Why.START
        timeline.seek(timeline.end)
        assert timeline.run(ON, Wanted()).ending == Halted(7)


def test_until_both_ways_and_never_the_wrong_one(journey: Journey) -> None:
    early, late = journey.moments[400], journey.moments[1700]
    with travelling(journey.path) as timeline:
        assert timeline.run(ON, Wanted(until=late.position)).why is Why.REACHED
        assert moment(timeline, journey) == late
        assert timeline.run(BACK, Wanted(until=early.position)).why is Why.REACHED
        assert moment(timeline, journey) == early
        timeline.run(BACK, Wanted(until=late.position))
        assert moment(timeline, journey) == early
        timeline.run(ON, Wanted(until=timeline.start))
        assert moment(timeline, journey) == early


def test_positions_that_there_are_not(journey: Journey) -> None:
    with travelling(journey.path) as timeline:
        goal = journey.moments[700]
        for place, last in (
            (Position(18, 65), Position(18, 64)),
            (Position(18, 1 << 60), Position(18, 64)),
            (Position(timeline.end.event, 1), timeline.end),
            (Position(1 << 60), timeline.end),
        ):
            with pytest.raises(BadPosition) as raised:
                timeline.seek(place)
            assert (raised.value.position, raised.value.last) == (place, last)
            timeline.seek(goal.position)
            assert moment(timeline, journey) == goal
        with pytest.raises(BadPosition):
            timeline.run(BACK, Wanted(until=Position(15, 1 << 60)))
        timeline.seek(goal.position)
        assert moment(timeline, journey) == goal


def test_the_last_write(journey: Journey) -> None:
    changes = journey.changes(TARGET + 5, 1)
    with travelling(journey.path) as timeline:
        timeline.seek(timeline.end)
        stop = timeline.last_write(journey.box + TARGET + 5, 1)
        assert stop is not None
        assert stop.position == changes[-1][0]
        here = moment(timeline, journey)
        assert timeline.last_write(journey.box + 8, 8) is None
        assert moment(timeline, journey) == here
        timeline.seek(Position(20, 3))
        stop = timeline.last_write(journey.box + SECTOR + 100, 1)  # by the host
        assert stop is not None
        assert stop.position == Position(18, 64)


def test_the_first_time_of_the_end(journey: Journey) -> None:
    with travelling(journey.path) as timeline:
        assert timeline.first_time(lambda _: False).why is Why.END
        stop = timeline.first_time(lambda _: b"last" in timeline.console())
        assert stop.why is Why.REACHED
        assert timeline.console().endswith(b"last")
        timeline.step(-1)
        assert b"last" not in timeline.console()


def test_the_console_is_printed_once_and_told_for_every_place(journey: Journey) -> None:
    printed = bytearray()
    last = SECRET.to_bytes(8, "little") + b"last"
    with travelling(journey.path, console=printed.extend) as timeline:
        for _ in range(2):
            timeline.seek(timeline.end)
            everything = timeline.console()
            timeline.seek(Position(17))
            assert timeline.console().endswith(b"first ")
            assert everything.startswith(timeline.console() + last)
            timeline.seek(timeline.start)
            assert timeline.console() == b""
        assert printed == everything


def test_a_read_after_going_back_gives_what_was_there_then(journey: Journey) -> None:
    letters = {19: b"A", 21: b"B"}
    with travelling(journey.path) as timeline:
        for event in (21, 19, 21, 19, 19):
            timeline.seek(Position(event, 1))
            assert timeline.read(journey.box + SECTOR, 1) == letters[event]
            timeline.step(-2)
            assert timeline.read(journey.box + SECTOR, 1) == b"\0"


@pytest.mark.parametrize("way", ["seek", "step", "on", "first"])
def test_the_way_back_from_a_divergence_is_open(journey: Journey, way: str) -> None:
    goal = journey.moments[300]
    journeys = {
        "seek": lambda: timeline.seek(timeline.end),
        "step": lambda: timeline.step(20_000),
        "on": lambda: timeline.run(ON, Wanted()),
        "first": lambda: timeline.first_time(lambda _: True),
    }
    with travelling(journey.path, changes=changed_guest(journey)) as timeline:
        for _ in range(2):
            with pytest.raises(Divergence) as raised:
                journeys[way]()
            assert raised.value.actual.name == ConsoleWrite.__name__
            assert timeline.position.event == raised.value.position.event
            stop = timeline.run(BACK, Wanted(breaks=(Break(journey["copying"]),)))
            assert stop.position == journey.at("copying")[0]
            timeline.seek(goal.position)
            assert moment(timeline, journey) == goal


def test_a_step_back_is_made_although_it_is_interrupted(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way back leads through a kept state far before, where nobody wants to end."""
    restore = RewindableReplay.restore
    with travelling(journey.path) as timeline:
        timeline.seek(timeline.end)
        steps = timeline.steps

        def interrupted(replay: RewindableReplay, checkpoint: Checkpoint) -> None:
            restore(replay, checkpoint)
            timeline.interrupt()

        monkeypatch.setattr(RewindableReplay, "restore", interrupted)
        stop = timeline.step(-3)
        assert (stop.why, timeline.steps) == (Why.INTERRUPTED, steps - 3)


@pytest.mark.slow
def test_interrupts_from_another_thread(journey: Journey) -> None:
    chance = random.Random(5)
    never = Wanted(breaks=(Break(journey["tick"], lambda _: False),))
    places = {each.position: each for each in journey.moments}
    outcomes = set()
    with travelling(journey.path, cadence=300) as timeline:
        long_ones = (
            (timeline.start, lambda: timeline.run(ON, never)),
            (timeline.end, lambda: timeline.run(BACK, never)),
            (timeline.start, lambda: timeline.seek(timeline.end)),
            (timeline.end, lambda: timeline.step(-9000)),
            (timeline.start, lambda: timeline.first_time(lambda _: False)),
        )
        for number in range(25):
            begin, go = long_ones[number % len(long_ones)]
            timeline.seek(begin)
            timer = threading.Timer(chance.random() * 0.02, timeline.interrupt)
            timer.start()
            stop = go()
            timer.join()
            assert stop.position == timeline.position
            outcomes.add(stop.why)
            if timeline.position in places:
                assert moment(timeline, journey) == places[timeline.position]
            goal = chance.choice(journey.moments)
            assert timeline.seek(goal.position).why is Why.REACHED
            assert moment(timeline, journey) == goal
    assert Why.INTERRUPTED in outcomes


def test_little_memory_for_checkpoints_is_kept_and_the_results_are_right(
    journey: Journey,
) -> None:
    sizes: list[int] = []
    chance = random.Random(6)
    with travelling(journey.path, cadence=300) as timeline:
        base = timeline.checkpoint_bytes
        timeline.seek(timeline.end)
        assert timeline.checkpoint_bytes > base + (20 << 10)
        plenty = len(timeline.checkpoints())
    limit = base + (20 << 10)
    with travelling(journey.path, cadence=300, memory=limit) as timeline:
        for _ in range(40):
            goal = chance.choice(journey.moments)
            timeline.seek(goal.position)
            assert moment(timeline, journey) == goal
            sizes.append(timeline.checkpoint_bytes)
        assert len(timeline.checkpoints()) < plenty
    assert max(sizes) <= limit


def test_a_recording_that_was_cut_short(recorder: Recorder) -> None:
    stopped = recorder.record("hello", "words", stop_at=b"Command line").path
    with travelling(stopped) as timeline:
        for _ in range(2):
            stop = timeline.run(ON, Wanted())
            assert (stop.why, stop.position, stop.ending) == (Why.END, timeline.end, None)
            assert timeline.step(1).why is Why.END
            timeline.step(-100)
            assert timeline.step(100).position == timeline.end
            timeline.seek(timeline.start)


def test_kept_checkpoints_are_used_again(recorder: Recorder) -> None:
    path = recorder.record("hello", "words").path
    kept, places = path.with_name("kept"), []
    for session in range(2):
        with travelling(path, kept=kept) as timeline:
            assert (len(timeline.checkpoints()) > 1) == (session == 1)
            timeline.seek(timeline.end)
            timeline.step(-777)
            places.append((timeline.position, timeline.registers(), timeline.console()))
    assert places[0] == places[1]


@pytest.mark.parametrize("what", ["damaged", "cut", "foreign", "a folder", "of another trace"])
def test_a_kept_file_that_is_of_no_use(recorder: Recorder, what: str, tmp_path: Path) -> None:
    path = recorder.record("hello", "words").path
    kept = tmp_path / "kept"
    if what == "a folder":
        kept.mkdir()
    else:
        with travelling(path, kept=kept) as timeline:
            timeline.seek(timeline.end)
        data = kept.read_bytes()
        if what == "damaged":
            kept.write_bytes(data[:40] + b"\0" + data[41:])
        elif what == "cut":
            kept.write_bytes(data[: len(data) // 2])
        elif what == "foreign":
            shutil.copy(path, kept)
        else:
            path = recorder.record("hello", "other").path
    with travelling(path, kept=kept) as timeline:
        assert len(timeline.checkpoints()) == 1
        assert timeline.run(ON, Wanted()).ending == Halted(0)
    with contextlib.suppress(IsADirectoryError):
        assert kept.read_bytes()


def test_progress_is_told_and_checkpoints_thin_out(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinned: list[int] = []
    thin = CheckpointStore.thin

    def noting(store: CheckpointStore, here: int, keep: object) -> None:
        thinned.append(here)
        thin(store, here, keep)  # type: ignore[arg-type]

    monkeypatch.setattr(CheckpointStore, "thin", noting)
    told: list[Position] = []
    with travelling(journey.path, cadence=300) as timeline:
        timeline._replay.progress = told.append
        timeline.seek(timeline.end)
        assert told == sorted(told)
        assert told[-1] == timeline.end
        assert thinned == sorted(thinned)
        assert thinned
        costs = [each.cost for each in timeline._replay.checkpoints]
        assert costs == sorted(costs)
        assert len(timeline.checkpoints()) < len(told)


def test_a_recording_that_still_grows_is_travelled_as_far_as_it_goes(journey: Journey) -> None:
    moments = {each.position: each for each in journey.moments}
    growing = Growing(journey.path, per_block=6, blocks=3)
    with travelling(growing.path) as timeline:
        assert not timeline.extend()
        while growing.left:
            end = timeline.end
            stop = timeline.run(ON, Wanted())
            assert (stop.why, stop.position, stop.ending) == (Why.END, end, None)
            before = timeline.step(-200).position
            growing.grow(added_bytes=7)
            assert timeline.extend()
            assert timeline.end > end
            assert moment(timeline, journey) == moments[before]
            timeline.seek(end)
            assert moment(timeline, journey) == moments[end]
        stop = timeline.run(ON, Wanted())
        assert (stop.why, stop.ending) == (Why.END, Halted(7))
        assert timeline.position == journey.moments[-1].position


def test_a_still_view_shows_what_the_timeline_shows(journey: Journey) -> None:
    with travelling(journey.path) as travelled:
        travelled.seek(journey.moments[100].position)
        still = travelled.still()
        assert still.registers() == travelled.registers()
        assert still.read(journey.box, BOX_BYTES) == journey.moments[100].box
        assert still.read(1 << 60, 1) is None
