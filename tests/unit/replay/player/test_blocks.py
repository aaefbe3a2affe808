from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.calls.block import BlockRead, BlockWrite
from replay.player.blocks import KnownBlocks
from traces.errors import Corrupt


@pytest.fixture
def blocks() -> Iterator[KnownBlocks]:
    known = KnownBlocks()
    yield known
    known.close()


def test_what_was_written_and_read_is_recalled(blocks: KnownBlocks) -> None:
    blocks.written(BlockWrite(1, 512, b"w" * 512))
    blocks.learn(1, 1024, b"r" * 512)
    assert blocks.recall(BlockRead(1, 512, 1024)) == b"w" * 512 + b"r" * 512


def test_the_last_one_counts(blocks: KnownBlocks) -> None:
    blocks.learn(1, 0, b"a" * 1024)
    blocks.written(BlockWrite(1, 512, b"b" * 512))
    assert blocks.recall(BlockRead(1, 0, 1024)) == b"a" * 512 + b"b" * 512


def test_devices_are_kept_apart(blocks: KnownBlocks) -> None:
    blocks.learn(1, 0, b"a" * 512)
    blocks.learn(2, 0, b"b" * 512)
    assert blocks.recall(BlockRead(1, 0, 512)) == b"a" * 512
    assert blocks.recall(BlockRead(2, 0, 512)) == b"b" * 512


def test_far_away_costs_nothing(blocks: KnownBlocks) -> None:
    offset = 1 << 42
    blocks.learn(1, offset, b"x" * 512)
    assert blocks.recall(BlockRead(1, offset, 512)) == b"x" * 512


@pytest.mark.parametrize(("offset", "length"), [(0, 512), (512, 1024), (1024, 512), (1 << 60, 512)])
def test_bytes_that_never_occurred_are_the_traces_fault(
    blocks: KnownBlocks, offset: int, length: int
) -> None:
    blocks.learn(1, 512, b"k" * 512)
    with pytest.raises(Corrupt, match=f"{length} bytes at {offset} of device 1"):
        blocks.recall(BlockRead(1, offset, length))


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    known = KnownBlocks()
    known.learn(1, 0, b"x" * 512)
    assert not list(tmp_path.iterdir())
    known.close()
    known.close()
