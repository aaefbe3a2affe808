"""Time travel where it is hardest: all kinds of positions, recordings of every engine, little
memory, a session after another, and journeys that fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from replay.machine.digest import MachineDigest, memory_digest, register_digest
from replay.machine.position import Position
from replay.player import checkpoint, kept, rewind, timeline, verifier
from replay.player.errors import BadPosition, Divergence, StateDivergence
from replay.player.session import Changes
from replay.player.source import ConsoleSink
from replay.player.stops import Break, Direction, Wanted, Why
from replay.player.timeline import CHECKPOINT_MEMORY, Timeline
from replay.toolchain.programs import Program
from tests.conformance.integers import IntegerShelf
from tests.conformance.platforms import PLATFORMS, Platform, Trial, reference_of, require
from tests.conformance.studio import Studio
from traces.reader import open_trace

KINDS = Program("kinds", Path(__file__).parent / "guests" / "kinds")
PLAIN = [each for each in PLATFORMS if not each.environment]
TARGETS = [each for each in PLAIN if each == reference_of(each)]
OTHERS = [each for each in PLAIN if each != reference_of(each)]
CADENCE, NEVER = 900, 1 << 60
JOURNEYS, AT_RANDOM, OF_EACH_KIND = 250, 20, 12

ON, BACK = Direction.FORWARD, Direction.BACKWARD


@dataclass(frozen=True, slots=True)
class Moment:
    """A place, and what the guest is like there."""

    steps: int
    position: Position
    rip: int
    registers: bytes
    memory: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """What a replay that never goes back has seen: RIP of every step, and chosen moments."""

    trace: Path
    rips: Sequence[int]
    positions: Sequence[Position]
    moments: Sequence[Moment]
    console: bytes

    @property
    def repeated(self) -> list[int]:
        """The steps in the midst of repeated instructions."""
        return [at for at in range(1, len(self.rips)) if self.rips[at] == self.rips[at - 1]]

    @property
    def crossings(self) -> list[int]:
        """The steps before and behind each crossing."""
        behind = [at for at, each in enumerate(self.positions) if at and not each.instructions]
        return [step for at in behind for step in (at - 1, at)]


def moment(line: Timeline) -> Moment:
    registers = line.registers()
    memory = memory_digest(line.machine.ram)
    digest = register_digest(registers)
    return Moment(line.steps, line.position, registers["rip"], digest, memory)


@contextmanager
def travelling(
    trace: Path,
    cadence: int = CADENCE,
    *,
    memory: int = CHECKPOINT_MEMORY,
    changes: Changes | None = None,
    kept_in: Path | None = None,
    console: ConsoleSink = len,
) -> Iterator[Timeline]:
    with pytest.MonkeyPatch.context() as patch, open_trace(trace) as opened:
        for module in (checkpoint, rewind, timeline):
            patch.setattr(module, "CADENCE", cadence)
        for module in (checkpoint, kept):
            patch.setattr(module, "FAR_CADENCE", 3 * cadence)
        patch.setattr(checkpoint, "_NEAR", 8 * cadence)
        line = Timeline(
            opened, checkpoint_memory=memory, changes=changes, kept=kept_in, console=console
        )
        try:
            yield line
        finally:
            line.close()


@pytest.fixture(scope="module")
def integers(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("kinds")
    return Studio(folder, IntegerShelf(folder))


def recorded(studio: Studio, platform: Platform) -> Path:
    require(platform)
    (case,) = KINDS.cases(platform.target)
    return studio.recording(Trial(platform, KINDS, case)).trace


@pytest.fixture(scope="module")
def models(integers: Studio) -> dict[str, Model]:
    return {each.target: walk(recorded(integers, each)) for each in TARGETS}


def walk(trace: Path) -> Model:
    rips, positions = [], []
    with travelling(trace, NEVER) as line:
        why = Why.REACHED
        while why is not Why.END:
            rips.append(line.registers()["rip"])
            positions.append(line.position)
            why = line.step(1).why
        rips.append(line.registers()["rip"])
        positions.append(line.position)
        console = line.console()
    bare = Model(trace, rips, positions, (), console)
    return Model(trace, rips, positions, list(_moments(bare)), console)


def _moments(model: Model) -> Iterator[Moment]:
    chance, last = random.Random(5), len(model.rips) - 1
    kinds = [model.repeated, model.crossings, list(range(last))]
    places = {step for kind in kinds for step in chance.sample(kind, OF_EACH_KIND)}
    places |= {0, 1, last - 40, last - 2, last - 1, last}  # an exception is near the end
    with travelling(model.trace, NEVER) as line:
        for steps in sorted(places):
            line.step(steps - line.steps)
            yield moment(line)


@pytest.mark.slow
@pytest.mark.parametrize("platform", TARGETS, ids=str)
def test_all_kinds_of_positions_by_any_way(platform: Platform, models: dict[str, Model]) -> None:
    model, chance = models[platform.target], random.Random(6)
    assert len(model.repeated) > 1000
    assert len(model.crossings) > 50
    with travelling(model.trace) as line:
        for number in range(JOURNEYS):
            goal = chance.choice(model.moments)
            go(line, goal, chance.randrange(5))
            assert moment(line) == goal, number


def go(line: Timeline, goal: Moment, way: int) -> None:
    if way == 0:
        line.seek(goal.position)
    elif way == 1:
        line.step(goal.steps - line.steps)
    elif way == 2:
        direction = ON if goal.position >= line.position else BACK
        line.run(direction, Wanted(until=goal.position))
    elif way == 3:
        line.seek(line.end)
        line.run(BACK, Wanted(breaks=(Break(0),), until=goal.position))
    else:
        line.first_time(lambda _: line.steps >= goal.steps)


@pytest.mark.slow
@pytest.mark.parametrize("platform", OTHERS, ids=str)
def test_recordings_of_other_engines(
    platform: Platform, integers: Studio, models: dict[str, Model]
) -> None:
    """Their positions are the same, and so are the guests there."""
    model = models[platform.target]
    trace = recorded(integers, platform)
    with open_trace(trace) as opened:
        assert opened.header.machine.engine == platform.engine
    with travelling(trace) as line:
        line.seek(line.end)
        for goal in (*model.moments, *reversed(model.moments)):
            line.seek(goal.position)
            assert moment(line) == goal


@pytest.mark.slow
def test_little_memory_costs_time_alone(models: dict[str, Model]) -> None:
    model, chance = models["hvt"], random.Random(7)
    with travelling(model.trace, CADENCE // 4) as line:
        line.seek(line.end)
        ample, size = len(line.checkpoints()), line.checkpoint_bytes
    limit = size // 3
    with travelling(model.trace, CADENCE // 4, memory=limit) as line:
        line.seek(line.end)
        for _ in range(40):
            goal = chance.choice(model.moments)
            go(line, goal, chance.randrange(5))
            assert moment(line) == goal
            assert line.checkpoint_bytes <= limit
        assert len(line.checkpoints()) < ample


@pytest.fixture
def left_behind(models: dict[str, Model], tmp_path: Path) -> Path:
    """What a session that went to the end has left."""
    path = tmp_path / "kept"
    with travelling(models["hvt"].trace, kept_in=path) as line:
        line.seek(line.end)
    return path


@pytest.mark.slow
def test_journeys_of_a_second_session(models: dict[str, Model], left_behind: Path) -> None:
    model, chance = models["hvt"], random.Random(8)
    with travelling(model.trace, kept_in=left_behind) as line:
        assert len(line.checkpoints()) > 3
        for _ in range(60):
            goal = chance.choice(model.moments)
            go(line, goal, chance.randrange(5))
            assert moment(line) == goal
        line.seek(line.end)
        assert line.console() == model.console


@pytest.mark.slow
def test_a_second_session_prints_what_it_replays(
    models: dict[str, Model], left_behind: Path
) -> None:
    printed = bytearray()
    with travelling(models["hvt"].trace, kept_in=left_behind, console=printed.extend) as line:
        assert line.run(ON, Wanted()).ending is not None
        line.seek(line.start)
        assert line.run(ON, Wanted()).why is Why.END
    assert printed == models["hvt"].console


@pytest.mark.slow
def test_what_is_foreign_is_left_alone(
    models: dict[str, Model], left_behind: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """States of another trace, of another guest, or computed by another version."""
    trace = models["hvt"].trace
    with travelling(models["spt"].trace, kept_in=left_behind) as line:
        assert len(line.checkpoints()) == 1
    with travelling(trace, changes=Changes(command_line=b"other"), kept_in=left_behind) as line:
        assert len(line.checkpoints()) == 1
    for name, value in (("version", lambda _: "0"), ("CREATED_BY", "solo5-replay 0")):
        with monkeypatch.context() as patch:
            patch.setattr(kept, name, value)
            with travelling(trace, kept_in=left_behind) as line:
                assert len(line.checkpoints()) == 1
    with travelling(trace, kept_in=left_behind) as line:
        assert len(line.checkpoints()) > 1


@pytest.mark.slow
def test_a_position_that_is_none_leaves_the_guest_where_it_is(models: dict[str, Model]) -> None:
    model = models["hvt"]
    with travelling(model.trace) as line:
        for goal in model.moments[3:8]:
            line.seek(goal.position)
            with pytest.raises(BadPosition):
                line.seek(Position(2, 1 << 40))
            assert moment(line) == goal


@pytest.mark.slow
def test_after_a_divergence_every_way_but_on_is_open(
    models: dict[str, Model], integers: Studio
) -> None:
    """On it goes nowhere: what was not answered is not gone past."""
    model = models["hvt"]
    other = integers.plan(Trial(TARGETS[0], KINDS, KINDS.cases("hvt")[0])).guest
    assert other.count(b"odd\n") == 1
    changes = Changes(guest=other.replace(b"odd\n", b"ODD\n"))
    with travelling(model.trace, changes=changes) as line:
        journeys: tuple[Callable[[], object], ...] = (
            lambda: line.seek(line.end),
            lambda: line.run(ON, Wanted()),
            lambda: line.step(1),
            lambda: line.step(NEVER),
        )
        for journey in journeys:
            for _ in range(2):  # without a way back between
                with pytest.raises(Divergence) as refused:
                    journey()
            before = line.position
            assert before.event == refused.value.position.event > 0
            assert refused.value.expected is not None
            assert line.step(-1).position < before
            assert line.seek(before).position == before
            assert line.registers()["rip"] == model.rips[model.positions.index(before)]


@pytest.mark.slow
def test_after_a_state_that_differs_the_way_back_is_open(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["hvt"]
    with open_trace(model.trace) as opened:
        first = next(opened.digests()).event
    monkeypatch.setattr(verifier, "machine_digest", lambda _: MachineDigest(b"wrong", b"wrong"))
    here = max(each for each in model.positions if each.event == first)
    with travelling(model.trace) as line:
        for _ in range(2):
            with pytest.raises(StateDivergence):
                line.seek(line.end)
            assert line.position == here
            stop = line.run(BACK, Wanted(event=lambda *_: True))
            assert stop.position == Position(first)
