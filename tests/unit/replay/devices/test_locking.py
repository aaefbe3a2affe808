"""Who may use an image at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from replay.devices.locking import lock_for_reading, lock_for_writing
from replay.machine.errors import DeviceFailure

Lock = Callable[[int, Path], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "disk.img"
    file.touch()
    return file


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[], int]]:
    descriptors: list[int] = []

    def open_again() -> int:
        descriptors.append(os.open(path, os.O_RDWR))
        return descriptors[-1]

    yield open_again
    for fd in descriptors:
        os.close(fd)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lock_for_writing, lock_for_writing),
        (lock_for_writing, lock_for_reading),
        (lock_for_reading, lock_for_writing),
    ],
)
def test_a_writer_is_alone(
    first: Lock, second: Lock, path: Path, opened: Callable[[], int]
) -> None:
    first(opened(), path)
    with pytest.raises(DeviceFailure, match=r"disk\.img is locked: another device or program"):
        second(opened(), path)


def test_readers_share(path: Path, opened: Callable[[], int]) -> None:
    lock_for_reading(opened(), path)
    lock_for_reading(opened(), path)


def test_a_lock_ends_with_its_descriptor(path: Path, opened: Callable[[], int]) -> None:
    fd = os.open(path, os.O_RDWR)
    lock_for_writing(fd, path)
    os.close(fd)
    lock_for_writing(opened(), path)


def test_a_file_system_without_locks(
    path: Path, opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DeviceFailure, match=r"cannot lock .*disk.img: No locks available; copy it"):
        lock_for_writing(opened(), path)
