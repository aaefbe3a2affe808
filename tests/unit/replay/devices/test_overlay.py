"""Copy-on-write over an image that is only read."""

from __future__ import annotations

import errno
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.devices.block import BlockImage
from replay.devices.overlay import Overlay
from replay.machine.errors import DeviceFailure

SIZE = 16384
FOUND = bytes(random.Random(7).randbytes(SIZE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "disk.img"
    file.write_bytes(FOUND)
    file.chmod(0o444)
    return file


@pytest.fixture
def overlay(path: Path) -> Iterator[Overlay]:
    made = Overlay(BlockImage(path, read_only=True))
    yield made
    made.close()
    assert path.read_bytes() == FOUND


def test_it_looks_like_the_image(overlay: Overlay) -> None:
    assert (overlay.capacity_bytes, overlay.block_size) == (SIZE, 512)
    assert overlay.read(0, SIZE) == FOUND


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 512), (100, 7), (511, 2), (512, 512), (300, 2000), (SIZE - 1, 1), (0, SIZE), (700, 0)],
)
def test_what_is_written_is_read(overlay: Overlay, offset: int, length: int) -> None:
    expected = bytearray(FOUND)
    expected[offset : offset + length] = bytes(length)
    overlay.write(offset, bytes(length))
    assert overlay.read(offset, length) == bytes(length)
    assert overlay.read(0, SIZE) == expected


def test_many_writes_are_those_of_a_plain_array(overlay: Overlay) -> None:
    chance = random.Random(11)
    expected = bytearray(FOUND)
    for _ in range(300):
        offset = chance.randrange(SIZE)
        length = min(chance.randrange(1, 1500), SIZE - offset)
        data = chance.randbytes(length)
        overlay.write(offset, data)
        expected[offset : offset + length] = data
        at = chance.randrange(SIZE)
        assert overlay.read(at, min(2000, SIZE - at)) == expected[at : at + 2000]
    assert overlay.read(0, SIZE) == expected


def test_any_number_may_stand_over_one_image(overlay: Overlay, path: Path) -> None:
    other = Overlay(BlockImage(path, read_only=True))
    overlay.write(0, b"mine")
    other.write(0, b"hers")
    assert (overlay.read(0, 4), other.read(0, 4)) == (b"mine", b"hers")
    other.close()


def test_nobody_may_write_the_image_meanwhile(overlay: Overlay, path: Path) -> None:
    with pytest.raises(DeviceFailure, match="locked"):
        BlockImage(path)


def test_what_has_been_written_needs_no_image(overlay: Overlay, path: Path) -> None:
    overlay.write(512, bytes(512))
    path.chmod(0o644)
    os.truncate(path, 0)
    assert overlay.read(512, 512) == bytes(512)
    with pytest.raises(DeviceFailure, match="shorter than when it was opened"):
        overlay.read(0, 512)
    path.write_bytes(FOUND)


def test_far_places_of_a_large_image_take_little_room(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    path.touch()
    os.truncate(path, 6 << 30)
    overlay = Overlay(BlockImage(path, 4096, read_only=True))
    overlay.write(5 << 30, b"far")
    assert overlay.read(5 << 30, 4096) == b"far".ljust(4096, b"\0")
    assert os.fstat(overlay._file.fileno()).st_blocks * 512 < 1 << 20
    overlay.close()
    assert path.stat().st_blocks == 0


def _fail(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("pwrite", lambda overlay: overlay.write(0, bytes(512))),
        ("pread", lambda overlay: overlay.read(512, 512)),
    ],
)
def test_a_full_disk(
    overlay: Overlay, name: str, use: Callable[[Overlay], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay.write(512, bytes(512))
    with monkeypatch.context() as patched:
        patched.setattr(os, name, _fail)
        with pytest.raises(DeviceFailure, match=r"overlay's data .*No space left.*TMPDIR"):
            use(overlay)


def test_a_write_that_is_cut_short(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", lambda *_: 5)
        with pytest.raises(DeviceFailure, match="stored 5 of 512 bytes"):
            overlay.write(0, bytes(512))


def test_no_place_for_an_overlay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = BlockImage(path, read_only=True)
    monkeypatch.setattr(tempfile, "TemporaryFile", _fail)
    with pytest.raises(DeviceFailure, match="TMPDIR"):
        Overlay(base)
    base.close()
