from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from traces.locking import has_writer, lock_as_writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp"
    path.write_bytes(b"x")
    return path


@pytest.fixture
def reader(path: Path) -> Iterator[int]:
    """Opened as readers do."""
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_lock_is_seen_while_the_file_is_open(path: Path, reader: int) -> None:
    assert not has_writer(reader)
    writer = os.open(path, os.O_WRONLY)
    lock_as_writer(writer)
    assert has_writer(reader)
    os.pwrite(writer, b"more", 1000)
    assert has_writer(reader)
    os.close(writer)
    assert not has_writer(reader)


def test_to_ask_takes_nothing(path: Path, reader: int) -> None:
    assert not has_writer(reader)
    writer, other = os.open(path, os.O_WRONLY), os.open(path, os.O_RDONLY)
    lock_as_writer(writer)
    assert has_writer(reader)
    assert has_writer(other)
    os.close(other)
    assert has_writer(reader)
    os.close(writer)


def test_a_writer_does_not_see_itself(path: Path) -> None:
    writer = os.open(path, os.O_RDWR)
    lock_as_writer(writer)
    assert not has_writer(writer)
    os.close(writer)


def test_whoever_is_killed_has_no_lock(path: Path, reader: int) -> None:
    code = (
        "import os, sys; from traces.locking import lock_as_writer; "
        "lock_as_writer(os.open(sys.argv[1], os.O_WRONLY)); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, os.fspath(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert has_writer(reader)
        process.kill()
        process.wait()
        assert not has_writer(reader)


def test_what_cannot_be_locked_has_no_writer(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    os.close(descriptor)
    lock_as_writer(descriptor)
    assert not has_writer(descriptor)
