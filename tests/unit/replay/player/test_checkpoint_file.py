from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from replay.engines.ram import PAGE_BYTES
from replay.machine.position import Position
from replay.player.checkpoint import PageSet
from replay.player.checkpoint_file import (
    Kept,
    KeptCheckpoint,
    identity_of,
    read_kept,
    write_kept,
)
from replay.player.errors import DamagedCheckpoint

FIRST = {5: b"p" * PAGE_BYTES}
SECOND = {5: bytes(PAGE_BYTES), 6: b"q" * PAGE_BYTES}
KEPT = Kept(
    (
        KeptCheckpoint(Position(3, 7), 1000, {"rip": 1, "xmm0": 1 << 127}, PageSet(FIRST)),
        KeptCheckpoint(Position(9), 5000, {"rip": 2, "xmm0": 0}, PageSet(SECOND)),
    ),
    ((2, b"hello "), (8, b"world\n")),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.mp.checkpoints"
    write_kept(path, "mine", KEPT)
    return path


def test_everything_comes_back(path: Path) -> None:
    kept = read_kept(path, "mine")
    assert kept is not None
    for found, meant in zip(kept.checkpoints, KEPT.checkpoints, strict=True):
        assert found.pages.is_packed
        assert found.pages.contents() == meant.pages.contents()
        assert replace(found, pages=meant.pages) == meant
    assert [*kept.console] == [*KEPT.console]
    kept.close()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_traces_file_is_none(path: Path) -> None:
    assert read_kept(path, "another") is None
    assert read_kept(path.with_name("missing"), "mine") is None


def test_damage_anywhere_is_noticed_or_does_no_harm(path: Path) -> None:
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :])
        kept = read_kept(path, "mine")  # never raises
        if kept is not None:
            assert len(kept.checkpoints) == 2
            with suppress(DamagedCheckpoint):
                for each in kept.checkpoints:
                    each.pages.contents()
            kept.close()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        kept = read_kept(path, "mine")
        if kept is not None:
            with pytest.raises(DamagedCheckpoint):
                kept.checkpoints[-1].pages.contents()
            kept.close()


def test_a_trace_is_told_from_others(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a" * 100)
    other.write_bytes(b"a" * 99 + b"b")
    assert identity_of(one) != identity_of(other)
    other.write_bytes(b"a" * 100)
    assert identity_of(one) == identity_of(other)
