from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replay.machine.position import Position
from replay.player import kept as kept_module
from replay.player.checkpoint import Checkpoint, PageSet
from replay.player.checkpoint_file import Kept, KeptCheckpoint
from replay.player.errors import DamagedCheckpoint
from replay.player.kept import KeptFile, adopt, selection
from replay.player.rewind import RewindableReplay
from tests.unit.replay.player.travelled import CADENCE, Journey, replaying
from tests.unit.replay.recordings import Recorder


@pytest.fixture
def trace(recorder: Recorder) -> Path:
    """Of a guest without block devices."""
    return recorder.record("hello", "words").path


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "FAR_CADENCE", 2 * CADENCE)


def good(replay: RewindableReplay) -> KeptCheckpoint:
    registers = replay.engine.registers()
    return KeptCheckpoint(Position(2), 600, registers, PageSet({0: bytes(4096)}))


@pytest.mark.parametrize(
    "change",
    [
        {"registers": {"rip": 1}},
        {"pages": PageSet({1 << 40: bytes(4096)})},
        {"pages": PageSet({-1: bytes(4096)})},
        {"position": Position(1 << 20)},
        {"steps": 599},
        {"steps": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_that_cannot_be_spoils_all(trace: Path, change: dict[str, object]) -> None:
    with replaying(trace) as replay:
        first = good(replay)
        bad = replace(replace(first, position=Position(3), steps=900), **change)  # type: ignore[arg-type]
        assert not adopt(replay, Kept((first, bad), ()))
        assert len(replay.checkpoints) == 1


def test_registers_that_no_processor_has(trace: Path) -> None:
    with replaying(trace) as replay:
        first = good(replay)
        for name, value in (("rax", -1), ("rax", 1 << 80), ("xmm0", 1 << 128)):
            bad = replace(first, registers={**first.registers, name: value})
            assert not adopt(replay, Kept((bad,), ()))


def test_a_guest_with_block_devices_keeps_nothing_and_adopts_nothing(journey: Journey) -> None:
    with replaying(journey.path) as replay:
        assert not adopt(replay, Kept((good(replay),), ()))
        replay.seek(replay.end)
        assert not selection(replay).checkpoints


def test_what_one_replay_leaves_is_what_another_has(trace: Path) -> None:
    with replaying(trace) as replay:
        replay.seek(replay.end)
        registers = replay.engine.registers()
        printed = replay.console.before(replay.end.event)
        left = selection(replay)
    assert len(left.checkpoints) > 1
    costs = [each.steps for each in left.checkpoints]
    assert costs == sorted(costs)
    with replaying(trace) as replay:
        assert adopt(replay, left)
        last = left.checkpoints[-1].position
        replay.seek(last)
        assert replay.digests_verified == 0  # nothing was replayed
        replay.seek(replay.end)
        assert replay.engine.registers() == registers
        assert replay.console.before(replay.end.event) == printed


def test_the_file_is_written_once_and_only_where_it_is_worth_it(
    trace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "kept"
    for journey_ends, is_written in ((Position(0, 5), False), (None, True)):
        with replaying(trace) as replay:
            file = KeptFile(path)
            file.read_into(replay)
            replay.seek(journey_ends or replay.end)
            file.write_from(replay)
            file.close()
        assert path.exists() is is_written
    before = path.stat().st_mtime_ns
    with replaying(trace) as replay:
        file = KeptFile(path)
        file.read_into(replay)
        assert len(replay.checkpoints) > 1
        replay.seek(replay.end)
        file.write_from(replay)
        file.close()
    assert path.stat().st_mtime_ns == before


def test_what_is_too_much_to_keep_is_kept_farther_apart(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is kept in any case: the next session shall be there soon."""
    with replaying(trace) as replay:
        replay.seek(replay.end)
        ample = selection(replay).checkpoints
        monkeypatch.setattr(kept_module, "_KEPT_BYTES_MAX", 4 * 4096)
        few = selection(replay).checkpoints
    assert 0 < len(few) < len(ample)
    assert few[-1].position == ample[-1].position


def test_a_state_that_cannot_be_read_hinders_nobody_from_ending(
    trace: Path, tmp_path: Path
) -> None:
    def damaged() -> bytes:
        raise DamagedCheckpoint("the checksum differs")

    path = tmp_path / "kept"
    with replaying(trace) as replay:
        replay.seek(replay.end)
        pages = PageSet.loaded_later([5], damaged)
        processor = replay.engine.save_processor()
        replay.checkpoints.add(Checkpoint(Position(2, 1), 601, 1600, processor, 0, pages))
        KeptFile(path).write_from(replay)
    assert not path.exists()
