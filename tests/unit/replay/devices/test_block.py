"""Block devices on real files."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitors.calls.block import BlockData, BlockRead, BlockWrite
from monitors.calls.net import IoStatus
from replay.devices.block import BlockDevices, BlockImage
from replay.devices.host_errors import is_answered
from replay.machine.errors import DeviceFailure

OK, EINVAL = 0, 2
GIB = 1 << 30


def make_file(path: Path, size_bytes: int) -> Path:
    path.touch()
    os.truncate(path, size_bytes)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_file(tmp_path / "disk.img", 8192)


@pytest.fixture
def image(path: Path) -> Iterator[BlockImage]:
    opened = BlockImage(path)
    yield opened
    opened.close()


def failing(number: int) -> object:
    def call(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_the_capacity_is_the_files_size(image: BlockImage) -> None:
    assert (image.capacity_bytes, image.block_size) == (8192, 512)


def test_written_bytes_are_in_the_file(image: BlockImage, path: Path) -> None:
    image.write(100, b"seven!!")
    assert image.read(99, 9) == b"\0seven!!\0"
    assert path.read_bytes()[100:107] == b"seven!!"


@pytest.mark.parametrize(
    ("size_bytes", "block_size", "message"),
    [
        (6144, 4096, "Backing storage size must be block aligned"),
        (511, 512, "Backing storage size must be block aligned"),
        (0, 512, "must hold at least one block"),
    ],
)
def test_odd_sizes(tmp_path: Path, size_bytes: int, block_size: int, message: str) -> None:
    path = make_file(tmp_path / "odd.img", size_bytes)
    with pytest.raises(DeviceFailure, match=message):
        BlockImage(path, block_size)
    BlockImage(make_file(tmp_path / "good.img", 8192), 4096).close()


def test_a_refused_image_is_not_kept_open(tmp_path: Path) -> None:
    path = make_file(tmp_path / "odd.img", 100)
    with pytest.raises(DeviceFailure):
        BlockImage(path)
    os.truncate(path, 512)
    BlockImage(path).close()


def test_a_missing_image(tmp_path: Path) -> None:
    with pytest.raises(DeviceFailure, match=r"cannot open .*nothing for reading and writing: No "):
        BlockImage(tmp_path / "nothing")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_an_image_that_must_not_change(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", failing(number))
    with pytest.raises(DeviceFailure, match="--block-overlay"):
        BlockImage(path)
    with pytest.raises(DeviceFailure) as refused:
        BlockImage(path, read_only=True)
    assert "overlay" not in str(refused.value)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(DeviceFailure, match=r"Is a directory|neither a file nor"):
            BlockImage(tmp_path, read_only=read_only)


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    """And is not waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for read_only in (True, False):
        with pytest.raises(DeviceFailure, match="neither a file nor a block device"):
            BlockImage(pipe, read_only=read_only)


def test_a_second_user_is_refused(image: BlockImage, path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(DeviceFailure, match=r"disk\.img is locked"):
            BlockImage(path, read_only=read_only)


def test_read_only_ones_are_shared(path: Path) -> None:
    first, second = (BlockImage(path, read_only=True) for _ in range(2))
    assert first.read(0, 4) == second.read(0, 4) == bytes(4)
    first.close()
    second.close()


def test_an_image_that_shrinks(image: BlockImage, path: Path) -> None:
    os.truncate(path, 4096)
    assert image.read(4095, 1) == b"\0"
    with pytest.raises(DeviceFailure, match=r"disk\.img is shorter than when it was opened"):
        image.read(4095, 2)


def test_a_disk_that_fails(image: BlockImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pread", failing(errno.EIO))
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
    with pytest.raises(DeviceFailure, match=r"cannot read .*disk.img: Input/output error"):
        image.read(0, 512)
    with pytest.raises(DeviceFailure, match=r"cannot write .*disk.img: No space left on device"):
        image.write(0, bytes(512))


def test_a_short_write(image: BlockImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda _fd, data, _at: len(data) - 1)
    with pytest.raises(DeviceFailure, match="cannot write all of 512 bytes"):
        image.write(0, bytes(512))


def test_beyond_4_gib_in_a_sparse_file(tmp_path: Path) -> None:
    path = make_file(tmp_path / "large.img", 6 * GIB)
    image = BlockImage(path)
    image.write(5 * GIB + 512, b"far away")
    assert image.read(5 * GIB, 1024)[512:520] == b"far away"
    assert image.read(6 * GIB - 512, 512) == bytes(512)
    image.close()
    assert path.stat().st_blocks * 512 < 1 << 20


def test_a_block_special_file(path: Path) -> None:
    """Its size is found by seeking, since its status has none."""
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("loop devices need root and losetup (apt-get install mount)")
    attached = subprocess.run(
        ["losetup", "--find", "--show", path], capture_output=True, text=True, check=False
    )
    if attached.returncode != 0:
        pytest.skip(f"this host gives no loop device: {attached.stderr.strip()}")
    loop = Path(attached.stdout.strip())
    try:
        image = BlockImage(loop, 4096)
        assert image.capacity_bytes == 8192
        image.write(4096, b"through the loop")
        assert image.read(4096, 16) == b"through the loop"
        image.close()
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)
    assert path.read_bytes()[4096:4112] == b"through the loop"


@pytest.mark.parametrize(
    ("offset", "length", "status"),
    [
        (0, 8192, OK),
        (8191, 1, OK),
        (0, 0, OK),
        (8192, 0, EINVAL),
        (8192, 1, EINVAL),
        (8191, 2, EINVAL),
        (0, 8193, EINVAL),
        (0, 1 << 63, EINVAL),
        ((1 << 64) - 512, 1024, EINVAL),
    ],
)
def test_what_lies_inside(image: BlockImage, offset: int, length: int, status: int) -> None:
    devices = BlockDevices({5: image})
    data = bytes(length) if status == OK else b""
    assert devices.read(BlockRead(5, offset, length)) == BlockData(status, data)
    if length <= 8193:
        assert devices.write(BlockWrite(5, offset, bytes(length))) == IoStatus(status)


def test_a_wrong_handle(image: BlockImage) -> None:
    devices = BlockDevices({5: image})
    assert devices.read(BlockRead(4, 0, 512)) == BlockData(EINVAL, b"")
    assert devices.write(BlockWrite(4, 0, bytes(512))) == IoStatus(EINVAL)


def test_a_failure_may_be_the_guests_own_business(
    image: BlockImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pread", failing(errno.EIO))
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
    devices = BlockDevices({1: image}, is_answered)
    assert devices.read(BlockRead(1, 0, 512)) == BlockData(3, b"")
    assert devices.write(BlockWrite(1, 0, bytes(512))) == IoStatus(3)
    with pytest.raises(DeviceFailure):
        BlockDevices({1: image}).read(BlockRead(1, 0, 512))
